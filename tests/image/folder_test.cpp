#include "image/folder.h"

#include <gtest/gtest.h>

#include <functional>

#include "image/test_support.h"
#include "vitro/error.h"

namespace vitro::test {
namespace {

void expect_error(ErrorCode code, const std::string& part, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one with: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

/// "path label" below the root, in order.
std::vector<std::string> listing(const ImageFolder& folder, const std::filesystem::path& root) {
  std::vector<std::string> lines;
  for (const LabelledImage& image : folder.images) {
    lines.push_back(image.path.lexically_relative(root).generic_string() + " " +
                    std::to_string(image.label));
  }
  return lines;
}

TEST(ImageFolder, SortedDirectoriesAreTheClasses) {
  const TempDirectory root;
  for (const char* name :
       {"dog/b.JPEG", "dog/a.jpg", "dog/c.jfif", "dog/d.JPE", "cat/z.PNG", "cat/deep/er/y.webp",
        "cat/notes.txt", "cat/.hidden.jpg", ".cache/x.jpg", "loose.jpg"}) {
    root.write(name, "x");
  }
  std::filesystem::create_directory(root.path() / "empty");
  const ImageFolder folder = scan_image_folder(root.path(), {});
  EXPECT_EQ(folder.classes, (std::vector<std::string>{"cat", "dog", "empty"}));
  EXPECT_EQ(folder.passed_over, 1u) << "notes.txt; neither hidden files nor those of no class";
  EXPECT_EQ(listing(folder, root.path()),
            (std::vector<std::string>{"cat/deep/er/y.webp 0", "cat/z.PNG 0", "dog/a.jpg 1",
                                      "dog/b.JPEG 1", "dog/c.jfif 1", "dog/d.JPE 1"}));
}

TEST(ImageFolder, NumbersFromZeroOnAreCounted) {
  const TempDirectory root;
  for (int i = 0; i < 12; ++i) root.write(std::to_string(i) + "/a.png", "x");
  ImageFolder folder = scan_image_folder(root.path(), {});
  EXPECT_EQ(folder.order, ClassOrder::Natural);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(folder.classes[static_cast<size_t>(i)], std::to_string(i));
  for (const LabelledImage& image : folder.images)
    EXPECT_EQ(image.path.parent_path().filename().string(), std::to_string(image.label));
  folder = scan_image_folder(root.path(), {}, ClassOrder::Text);
  EXPECT_EQ(folder.order, ClassOrder::Text);
  EXPECT_EQ(folder.classes[2], "10");
}

TEST(ImageFolder, OtherNamesAreTextUnlessAskedFor) {
  const TempDirectory root;
  for (const char* name : {"a10/a.png", "a9/a.png", "b/a.png", "a010/a.png", "7/a.png"})
    root.write(name, "x");
  const std::vector<std::string> text{"7", "a010", "a10", "a9", "b"},
      natural{"7", "a9", "a010", "a10", "b"};
  EXPECT_EQ(scan_image_folder(root.path(), {}).classes, text);
  EXPECT_EQ(scan_image_folder(root.path(), {}, ClassOrder::Natural).classes, natural);
}

TEST(ImageFolder, ClassListGivesTheLabels) {
  const TempDirectory root;
  root.write("n02/a.jpg", "x");
  root.write("n00/b.jpg", "x");
  const std::vector<std::string> classes{"n02", "n01", "n00"};
  const ImageFolder folder = scan_image_folder(root.path(), {classes, classes});
  EXPECT_EQ(folder.classes, classes);
  EXPECT_EQ(listing(folder, root.path()), (std::vector<std::string>{"n00/b.jpg 2", "n02/a.jpg 0"}));
}

TEST(ImageFolder, DirectoriesMayHaveTheLabelsOfClasses) {
  const TempDirectory root;
  for (const char* name : {"n01/a.jpg", "cat/b.jpg", "dog/c.jpg"}) root.write(name, "x");
  const ClassNames classes{{"n00", "n01", "dog"}, {"cat", "dog", "wolf"}};
  EXPECT_EQ(listing(scan_image_folder(root.path(), classes), root.path()),
            (std::vector<std::string>{"cat/b.jpg 0", "dog/c.jpg 2", "n01/a.jpg 1"}))
      << "an id comes before a label";
  expect_error(ErrorCode::InvalidArgument, "directory 'dog' is not one of", [&] {
    scan_image_folder(root.path(), {{"n00", "n01", "n02"}, {"cat", "dog", "dog"}});
  });
}

TEST(ImageFolder, FollowsLinksOnce) {
  const TempDirectory root;
  root.write("cat/a.jpg", "x");
  const TempDirectory elsewhere;
  elsewhere.write("b.jpg", "x");
  std::filesystem::create_directory_symlink(elsewhere.path(), root.path() / "dog");
  std::filesystem::create_directory_symlink(root.path() / "cat", root.path() / "cat" / "loop");
  const ImageFolder folder = scan_image_folder(root.path(), {});
  EXPECT_EQ(listing(folder, root.path()), (std::vector<std::string>{"cat/a.jpg 0", "dog/b.jpg 1"}));
}

TEST(ImageFolder, Errors) {
  using enum ErrorCode;
  const TempDirectory root;
  expect_error(NotFound, "no such directory", [&] { scan_image_folder(root.path() / "none", {}); });
  expect_error(NotFound, "no sub-directories", [&] { scan_image_folder(root.path(), {}); });
  const auto file = root.write("file.jpg", "x");
  expect_error(NotFound, "expected a directory", [&] { scan_image_folder(file, {}); });
  root.write("cat/readme.txt", "x");
  expect_error(NotFound, "no .jpg", [&] { scan_image_folder(root.path(), {}); });
  root.write("cat/a.jpg", "x");
  expect_error(InvalidArgument,
               "directory 'cat' is not one of the 2 classes, expected names such as 'n01'", [&] {
                 scan_image_folder(root.path(), {{"n01", "n02"}, {}});
               });
}

}  // namespace
}  // namespace vitro::test
