// What the wrong kind of file, folder or name is told.
#include <gtest/gtest.h>

#include "cli/subprocess.h"
#include "formats/npy.h"

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

TEST(CliHints, AReferenceIsABackendOrAModel) {
  refuse(1, {"eval", small_plan(), few_pictures(1), "--reference", "gpu"},
         "--reference 'gpu' is neither a backend nor a file", "a backend is one of auto|");
}

}  // namespace
}  // namespace vitro::test
