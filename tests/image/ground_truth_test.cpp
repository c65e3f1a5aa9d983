#include "image/ground_truth.h"

#include <gtest/gtest.h>

#include "image/test_support.h"
#include "vitro/error.h"

namespace vitro::test {
namespace {

class GroundTruthTest : public ::testing::Test {
 protected:
  GroundTruthTest() {
    for (const char* name : {"val/a b.JPEG", "val/c.png", "val/d.png", "val/notes.txt"})
      root_.write(name, "x");
  }

  GroundTruth read(const std::string& list, const ClassNames& classes) {
    return read_ground_truth(root_.path() / "val", root_.write("list.txt", list), classes, 3);
  }
  GroundTruth read(const std::string& list) { return read(list, classes_); }

  /// "name label" of the pictures, in order.
  std::string listing(const GroundTruth& truth) {
    std::string text;
    for (const LabelledImage& image : truth.folder.images)
      text += image.path.filename().string() + " " + std::to_string(image.label) + "\n";
    return text;
  }

  void expect_refused(ErrorCode code, const std::string& part, const std::string& list) {
    try {
      read(list);
      ADD_FAILURE() << "no error for: " << list;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }

  TempDirectory root_;
  ClassNames classes_{{"n01", "n02", "n03"}, {"cat", "big dog", "tench"}};
  std::string all_ = "a b.JPEG 2\nc.png 0\nd.png 1\n";
};

TEST_F(GroundTruthTest, FilesAndClassesInTheCommonForms) {
  for (const char* list :
       {"a b.JPEG 2\nc.png 0\nd.png 1\n", "d.png\tn02\r\na b.JPEG\tn03\r\nc.png\tn01\r\n",
        "c.png,cat\nd.png,big dog\na b.JPEG,tench\n", "val/a b.JPEG 2\n./c.png 0\nval/d.png 1\n",
        "ImageId,PredictionString\na b,n03 85 1 499 272\nc,n01 3 4 5 6\nd,n02 1 2 3 4\n",
        "a b.JPEG\tn03\t0\t32\t44\t62\nc.png\tn01\t1\t2\t3\t4\nd.png\tn02\t0\t0\t1\t1\n"}) {
    const GroundTruth truth = read(list);
    EXPECT_EQ(listing(truth), all_) << list;
    EXPECT_EQ(truth.folder.classes, classes_.ids);
    EXPECT_EQ(truth.folder.passed_over, 1u);
    EXPECT_EQ(truth.missing + truth.unlisted, 0u) << list;
    EXPECT_FALSE(truth.from_one);
  }
}

TEST_F(GroundTruthTest, NumbersAloneAreInTheOrderOfTheNames) {
  EXPECT_EQ(listing(read("2\n0\n1\n")), all_);
  const GroundTruth truth = read("3\n1\n2\n", {});
  EXPECT_EQ(listing(truth), all_);
  EXPECT_TRUE(truth.from_one) << "3 is no class from 0 on, and there is no 0";
  EXPECT_EQ(truth.folder.classes, (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(GroundTruthTest, ANameComesBeforeANumber) {
  const GroundTruth truth = read("a b.JPEG 0\nc.png 2\nd.png 1\n", {{"2", "1", "0"}, {}});
  EXPECT_EQ(listing(truth), all_);
}

TEST_F(GroundTruthTest, CountsWhatOneSideLacks) {
  const GroundTruth truth = read("c.png 0\ngone.png 1\nlost.png 2\n");
  EXPECT_EQ(listing(truth), "c.png 0\n");
  EXPECT_EQ(truth.missing, 2u);
  EXPECT_EQ(truth.unlisted, 2u);
}

TEST_F(GroundTruthTest, Refuses) {
  using enum ErrorCode;
  expect_refused(InvalidArgument, "has 2 numbers for the 3 pictures", "1\n2\n");
  expect_refused(InvalidArgument, "has classes 0 to 3, the model 0 to 2", "0\n3\n1\n");
  expect_refused(InvalidArgument, "has classes -1 to 1", "0\n-1\n1\n");
  expect_refused(InvalidArgument, "line 1: 'wolf' is not one of the 3 classes, such as 'n01'",
                 "c.png wolf\n");
  expect_refused(InvalidArgument, "line 2: 'c.png' is listed twice", "c.png 0\nc.png 1\n");
  expect_refused(NotFound, "names none of the 3 pictures", "x.png 0\ny.png 1\n");
  expect_refused(CorruptFile, "line 2 is 'c.png', expected 'file class'", "a b.JPEG 0\nc.png\n");
  expect_refused(CorruptFile, "empty", "");
  expect_refused(CorruptFile, "line 1 has 1000000 bytes", std::string(1'000'000, ','));
  root_.write("val/10.png", "x"), root_.write("val/9.png", "x");
  expect_refused(InvalidArgument, "'10.png' and '9.png' stand in another order as text",
                 "0\n0\n0\n0\n0\n");
  EXPECT_EQ(listing(read("9.png 1\n10.png 2\n")), "10.png 2\n9.png 1\n");
}

TEST_F(GroundTruthTest, AmbiguousNamesAreFoundByPathAlone) {
  root_.write("val/more/c.png", "x");
  EXPECT_EQ(listing(read("more/c.png 1\n")), "c.png 1\n");
  EXPECT_EQ(read("more/c.png 1\nc.png 0\n").folder.images.size(), 2u) << "the path below the root";
}

}  // namespace
}  // namespace vitro::test
