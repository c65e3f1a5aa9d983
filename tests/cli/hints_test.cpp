// What the wrong kind of file, folder or name is told.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"
#include "formats/onnx_bytes.h"

namespace vitro::test {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void refuse(int exit_code, const std::vector<std::string>& arguments, const std::string& error,
            const std::string& hint = "") {
  const ProcessResult result = run_vitro(arguments);
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_TRUE(contains(result.err, error)) << error << " in " << result.err;
  EXPECT_TRUE(contains(result.err, "hint: " + hint) || hint.empty())
      << hint << " in " << result.err;
}

std::string page() { return write_scratch("page.md", "# Title\n\nText\n"); }
std::string names() { return write_scratch("names.txt", "cat\ndog\n"); }

TEST(CliHints, PicturesAreAFolderOrAList) {
  const std::string hint = "give a folder of pictures, or a list with a path a line";
  const std::string output = scratch_file("refused.calib"), plan = scratch_file("refused.plan");
  refuse(1, {"calibrate", checkpoint(), page(), "-o", output}, "list of pictures '" + page(), hint);
  refuse(1, {"calibrate", checkpoint(), names(), "-o", output}, "none of its 2 lines is a file",
         hint);
  refuse(1, {"calibrate", checkpoint(), scratch_file("missing"), "-o", output}, "missing'", hint);
  refuse(1, {"calibrate", checkpoint(), model_file("photos/coffee.png"), "-o", output},
         "coffee.png' has bytes of 0, expected text", hint);
  refuse(1, {"build", checkpoint(), "-o", plan, "--range-audit", page()}, "line 2 is blank", hint);
  refuse(1, {"calibrate", "--sample", "2", model_file("photos"), "-o", output},
         "no sub-directories, expected one per class", "pictures lie in FOLDER/CLASS/");
}

TEST(CliHints, ACalibrationIsAFileOrPictures) {
  const std::string hint = "give what 'vitro calibrate' wrote, TensorRT's calibration cache, a";
  const auto refuse_as_ranges = [&](const std::string& file, const std::string& error) {
    refuse(1,
           {"build", checkpoint(), "-o", scratch_file("refused.plan"), "--int8", "--calib", file},
           error, hint);
  };
  refuse_as_ranges(page(), "page.md': line 2 is blank");
  refuse_as_ranges(names(), "none of its 2 lines is a file, the first is '");
  refuse_as_ranges(checkpoint(), "at most");
  refuse_as_ranges(scratch_file("missing"), "cannot open");
}

TEST(CliHints, ClassesAreAList) {
  refuse(1, {"classify", small_plan(), "x.png", "--labels", page()},
         "class list '" + page() + "': line 2 is blank");
  refuse(1, {"eval", small_plan(), model_file("photos"), "--ground-truth", page()},
         "ground truth '" + page() + "': line 2 is blank");
}

TEST(CliHints, InputsAndOutputsOfARun) {
  const std::string x = scratch_file("x.npy"), y = scratch_file("refused.npy");
  write_npy(x, Tensor(Dims{1, 3, 64, 64}));
  refuse(1, {"run", small_plan(), "-i", "pixels=" + x, "-o", y},
         "the model has no input 'pixels', expected images");
  refuse(1, {"run", small_plan(), "-i", model_file("photos/coffee.png"), "-o", y},
         "is not a NumPy array file", "numpy.save");
  refuse(1, {"run", small_plan(), "-i", write_scratch("short.npy", "hi\n"), "-o", y},
         "is not a NumPy array file", "numpy.save");
  refuse(1, {"optimize", small_plan(), "-o", scratch_file("refused.onnx")},
         "is no ONNX model, expected one", "of a checkpoint or plan: vitro export");
  refuse(2, {"run", small_plan(), "-i", x}, "expected --output FILE or --output-dir DIR",
         "see 'vitro run --help'");
  refuse(2, {"run", small_plan(), "-i", x, "-o", y, "--output-dir", "d"}, "one of them");
  for (const char* bytes : {"5GBs", "-5", "0", "many"})
    refuse(2, {"run", small_plan(), "-i", x, "-o", y, "--max-memory", bytes},
           "got '" + std::string(bytes) + "', expected bytes, at least 1, such as 500MB");
  refuse(1, {"run", small_plan(), "-i", x, "-o", y, "--backend", "cpu", "--device", "3"},
         "device 3, but backend 'cpu' has 1");
  refuse(1, {"run", small_plan(), "-i", x, "-o", scratch_file("nowhere/y.npy")},
         "there is no folder '" + scratch_file("nowhere") + "'", "make its folder first");
}

TEST(CliHints, AnEmptyWordIsNamed) {
  const std::string hint = "is a variable of the shell not set? See 'vitro ";
  for (const char* verb : {"bench", "build", "classify", "compare", "eval", "export", "inspect",
                           "optimize", "profile"})
    refuse(2, {verb, ""}, "the argument behind '" + std::string(verb) + "' is empty", hint + verb);
  refuse(2, {"compare", small_plan(), ""}, "small.plan' is empty, expected a name", hint);
  refuse(2, {"export", small_plan(), "-o", ""}, "-o: got '', expected FILE", hint);
  refuse(2, {"build", checkpoint(), "--output="}, "--output: got '', expected FILE", hint);
}

TEST(CliHints, AFolderIsNoFile) {
  const std::string folder = scratch_file("a_folder");
  std::filesystem::create_directories(folder);
  refuse(1, {"inspect", folder}, "is a folder without the index of a sharded", "give the file of");
  refuse(1, {"classify", small_plan(), folder}, "a_folder' is a directory, expected a picture",
         "give its pictures, such as " + folder + "/*.jpg; vitro eval takes a folder");
  for (const char* verb : {"optimize", "export", "build"})
    refuse(1, {verb, write_scratch("empty.onnx", ""), "-o", folder},
           "a_folder': it is a directory, expected a file", "name a file in it: " + folder);
}

TEST(CliHints, AnOutputThatCannotBeIsToldBeforeTheBuild) {
  refuse(1, {"build", "/no/such.onnx", "-o", scratch_file("nowhere/m.plan")},
         "there is no folder '" + scratch_file("nowhere") + "'", "make its folder first");
}

TEST(CliHints, APictureIsNoModel) {
  const std::string picture = model_file("photos/coffee.png");
  refuse(1, {"classify", picture, small_plan()}, "coffee.png' is a picture, expected a model",
         "the model comes before pictures: vitro classify MODEL IMAGE...");
  refuse(1, {"inspect", small_plan(), "--coverage"}, "is no ONNX model, expected one",
         "vitro inspect " + small_plan() + " --why");
}

TEST(CliHints, ClassesOfAnotherModel) {
  const std::string pictures = few_pictures(1);
  refuse(1, {"eval", small_plan(), pictures, "--classes", names()},
         "names.txt' has 2 classes, the model 200", "--classes FILE gives the class");
  const std::string other = scratch_file("other_classes");
  std::filesystem::create_directories(other + "/cat");
  refuse(1, {"eval", small_plan(), other}, "directory 'cat' is not one of the 200 classes",
         "vitro eval --classes FILE");
  refuse(2, {"eval", small_plan(), pictures, "--class-order", "numeric"},
         "--class-order: got 'numeric', expected text, natural or the file of a class list");
  refuse(1, {"eval", small_plan(), pictures, "--classes", write_scratch("none.txt", "")},
         "none.txt' is empty, expected lines of text");
}

TEST(CliHints, WhatASideOfAComparisonDoesNotTakeNamesIt) {
  refuse(1, {"compare", small_plan(), small_plan(), "--size", "65", "--no-latency"},
         "A, '" + small_plan() + "': input 'images' is 1x3x65x65: height is 65",
         "A and B run the same input: --size and --batch change it");
  OnnxGraph graph;
  graph.inputs = {onnx_value("x", {1, 3, 8, 8})};
  graph.outputs = {onnx_value("y", {1, 3})};
  graph.nodes = {onnx_node("GlobalAveragePool", {"x"}, {"p"}), onnx_node("Flatten", {"p"}, {"y"})};
  const std::string tiny = write_scratch("tiny.onnx", onnx_model(graph).text());
  refuse(1, {"compare", small_plan(), tiny, "--no-latency"},
         "B, '" + tiny + "': input 'x' is 1x3x64x64: axis 2 is 64, expected 8", "A and B run");
  refuse(1, {"eval", small_plan(), few_pictures(1), "--batch", "1", "--reference", tiny},
         "reference '" + tiny + "': input 'x' is 1x3x64x64", "the reference gets the tensors");
  refuse(1, {"bench", small_plan(), "--batch", "1000000"},
         "1000000x3x64x64: 12288000000 elements, expected at most 2^31",
         "try a smaller batch or size");
}

TEST(CliHints, AReferenceIsABackendOrAModel) {
  refuse(1, {"eval", small_plan(), few_pictures(1), "--reference", "gpu"},
         "--reference 'gpu' is neither a backend nor a file", "a backend is one of auto|");
}

}  // namespace
}  // namespace vitro::test
