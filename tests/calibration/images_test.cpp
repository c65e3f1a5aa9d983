#include "calibration/images.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "calibration/doctor.h"
#include "calibration/small_model.h"
#include "core/temporary_directory.h"

namespace vitro::test {
namespace {

bool has(const std::vector<std::string>& notes, const std::string& part) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

TEST(FindImages, LabelsByTheDirectoriesThatDiffer) {
  const TemporaryDirectory directory;
  write_pictures(directory / "train", 3, 2);
  const CalibrationImages images = find_images(directory / "train");
  EXPECT_EQ(images.images.size(), 6u);
  EXPECT_EQ(images.classes, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(images.images[4].label, 2);
  const CalibrationImages flat = find_images(directory / "train" / "a");
  EXPECT_EQ(flat.images.size(), 2u);
  EXPECT_TRUE(flat.classes.empty());
}

TEST(FindImages, ReadsLists) {
  const TemporaryDirectory directory;
  write_pictures(directory / "train", 2, 2);
  std::ofstream(directory / "list.txt") << "# drawn\ntrain/b/1.bmp\n"
                                        << (directory / "train" / "a" / "0.bmp").string() << "\n";
  const CalibrationImages images = find_images(directory / "list.txt");
  ASSERT_EQ(images.images.size(), 2u);
  EXPECT_EQ(images.images[0].path, directory / "train" / "b" / "1.bmp");
  EXPECT_EQ(images.classes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(images.images[0].label, 1);

  std::ofstream(directory / "page.md") << "# Title\n\nText\n";
  expect_error(ErrorCode::CorruptFile, "page.md': line 2 is blank",
               [&] { find_images(directory / "page.md"); });
  std::ofstream(directory / "classes.txt") << "cat\ndog\n";
  expect_error(ErrorCode::NotFound, "classes.txt': none of its 2 lines is a file, the first is '",
               [&] { find_images(directory / "classes.txt"); });
  std::filesystem::create_directory(directory / "empty");
  std::ofstream(directory / "comments.txt") << "# nothing\n";
  for (const char* name : {"empty", "comments.txt"})
    expect_error(ErrorCode::NotFound, "no pictures", [&] { find_images(directory / name); });
  expect_error(ErrorCode::NotFound, "missing", [&] { find_images(directory / "missing"); });
  expect_error(ErrorCode::CorruptFile, "0.bmp",
               [&] { find_images(directory / "train" / "a" / "0.bmp"); });
}

TEST(FindImages, KeepsSomeEvenly) {
  CalibrationImages images;
  for (int i = 0; i < 10; ++i) images.images.push_back({std::to_string(i), i});
  keep_evenly(images, 4);
  std::vector<int> kept;
  for (const LabelledImage& image : images.images) kept.push_back(image.label);
  EXPECT_EQ(kept, (std::vector<int>{0, 2, 5, 7}));
  keep_evenly(images, 40);
  EXPECT_EQ(images.images.size(), 4u);
}

TEST(Sample, IsStratifiedAndTheSameForASeed) {
  const TemporaryDirectory directory;
  write_pictures(directory / "train", 4, 10);
  ThreadTeam team(2);
  const auto draw = [&](SampleOptions options) {
    return draw_sample(directory / "train", options, team);
  };
  const ImageSample sample = draw({.count = 8, .seed = 1});
  EXPECT_EQ(sample.files.size(), 8u);
  EXPECT_EQ(sample.classes, 4u);
  std::map<std::string, int> sizes;
  for (const auto& file : sample.files) ++sizes[file.parent_path().filename()];
  for (const auto& [name, size] : sizes) EXPECT_EQ(size, 2) << name;
  EXPECT_EQ(draw({.count = 8, .seed = 1}).files, sample.files);
  EXPECT_NE(draw({.count = 8, .seed = 2}).files, sample.files);
  EXPECT_EQ(draw({.per_class = 3}).files.size(), 12u);
  EXPECT_EQ(draw({.count = 100, .per_class = 3}).files.size(), 12u);
  EXPECT_EQ(draw({.count = 3}).classes, 3u);
  EXPECT_EQ(draw({.count = 1000}).files.size(), 40u);
  expect_error(ErrorCode::InvalidArgument, "expected one of the numbers", [&] { draw({}); });
}

TEST(Sample, PassesOverWhatIsEvaluated) {
  const TemporaryDirectory directory;
  write_pictures(directory / "train", 2, 5);
  std::filesystem::create_directories(directory / "val");
  std::filesystem::copy_file(directory / "train" / "a" / "3.bmp", directory / "val" / "x.bmp");
  ThreadTeam team(1);
  const ImageSample sample =
      draw_sample(directory / "train", {.per_class = 5, .evaluation = directory / "val"}, team);
  EXPECT_EQ(sample.passed_over, 1u);
  EXPECT_EQ(sample.files.size(), 9u);
  const std::string list = image_list_text(sample, directory.path());
  EXPECT_EQ(list.find("a/3.bmp"), std::string::npos);
  EXPECT_EQ(list.substr(0, 14), "train/a/0.bmp\n");
  EXPECT_EQ(image_list_text(sample, directory / "val")[0], '/');
  std::ofstream(directory / "list") << list;
  EXPECT_EQ(find_images(directory / "list").images.size(), 9u);
}

TEST(Doctor, TellsOfClasses) {
  CalibrationImages images;
  images.classes = {"cat", "dog", "eel"};
  for (int i = 0; i < 120; ++i) images.images.push_back({"x", i < 115 ? 0 : 1});
  const std::vector<std::string> notes = notes_of_classes(images, 3);
  EXPECT_TRUE(has(notes, "'cat' has 115 pictures, 'dog', 'eel' fewer than a third"));
  EXPECT_TRUE(has(notes, "the pictures are of 2 classes, the model has 3"));
  EXPECT_FALSE(has(notes, "few, expected"));

  CalibrationImages balanced;
  balanced.classes = {"cat", "dog"};
  for (int i = 0; i < 120; ++i) balanced.images.push_back({"x", i % 2});
  EXPECT_TRUE(notes_of_classes(balanced, 2).empty());
  balanced.images.resize(50);
  EXPECT_TRUE(has(notes_of_classes(balanced, 2), "50 pictures are few, expected at least 100"));
  balanced.images.resize(1);
  EXPECT_FALSE(has(notes_of_classes(balanced, 2), "balanced")) << "one or none is no imbalance";
}

TEST(Doctor, TellsOfCopiesAndOverlap) {
  const TemporaryDirectory directory;
  write_pictures(directory / "train", 1, 3);
  write_pictures(directory / "val", 1, 2, 50);
  std::filesystem::copy_file(directory / "train" / "a" / "0.bmp", directory / "val" / "y.bmp");
  std::filesystem::copy_file(directory / "train" / "a" / "1.bmp", directory / "train" / "z.bmp");
  ThreadTeam team(1);
  const CalibrationImages train = find_images(directory / "train"),
                          val = find_images(directory / "val");
  const auto hashes = content_hashes(train.images, team);
  const auto evaluation = content_hashes(val.images, team);
  EXPECT_TRUE(has(notes_of_copies(train, hashes), "1 pictures have the bytes of another one"));
  EXPECT_TRUE(has(notes_of_overlap(train, hashes, val, evaluation),
                  "1 of 4 pictures are also among the 3 of the evaluation"));
  EXPECT_TRUE(notes_of_overlap(val, evaluation, val, {}).empty());
}

TEST(Doctor, TellsOfPixels) {
  const auto notes_of = [](auto value) {
    PixelStatistics statistics;
    std::vector<float> pixels(3 * 64);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = value(i);
    statistics.add(pixels, "x.png");
    return statistics.notes();
  };
  EXPECT_TRUE(notes_of([](size_t i) { return i % 2 ? 1.0f : -1.0f; }).empty());
  EXPECT_TRUE(has(notes_of([](size_t) { return 0.5f; }), "1 of 1 pictures are of one colour"));
  EXPECT_TRUE(has(notes_of([](size_t i) { return static_cast<float>(i % 256); }),
                  "as the model reads it, expected about 0 and 1"));
  EXPECT_TRUE(has(notes_of([](size_t i) { return i ? 1.0f : NAN; }), "not finite"));
}

TEST(Doctor, TellsOfInputs) {
  CalibratedInput input;
  input.product = "fc1";
  input.min = -1;
  input.max = 1;
  input.ranges = {{CalibrationMethod::Entropy, {}, 0.03}};
  EXPECT_TRUE(has(notes_of_inputs({&input, 1}),
                  "method entropy clips more than 1 % of the values in 1 inputs, 3.0 % at most"));
  input.ranges[0].clipped = 0.001;
  EXPECT_TRUE(notes_of_inputs({&input, 1}).empty());
  input.not_finite = 2;
  EXPECT_TRUE(has(notes_of_inputs({&input, 1}), "values that are not finite"));
  input.not_finite = 0;
  input.min = 1;
  EXPECT_TRUE(has(notes_of_inputs({&input, 1}), "always the same value: 'fc1'"));
}

}  // namespace
}  // namespace vitro::test
