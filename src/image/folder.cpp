#include "image/folder.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/check.h"
#include "image/picture_files.h"

namespace vitro {
namespace {

namespace fs = std::filesystem;

/// Whether they are the numbers from 0 on, in whatever order.
bool are_indices(const std::vector<std::string>& names) {
  std::set<std::string> expected;
  for (size_t i = 0; i < names.size(); ++i) expected.insert(std::to_string(i));
  return std::set<std::string>(names.begin(), names.end()) == expected;
}

/// The names of the directories, in the order that was asked for.
void count_directories(const std::vector<fs::path>& directories, ClassOrder order,
                       ImageFolder& folder) {
  for (const fs::path& directory : directories)
    folder.classes.push_back(directory.filename().string());
  const bool natural =
      order == ClassOrder::Natural || (order == ClassOrder::Auto && are_indices(folder.classes));
  folder.order = natural ? ClassOrder::Natural : ClassOrder::Text;
  if (natural) std::sort(folder.classes.begin(), folder.classes.end(), less_naturally);
}

}  // namespace

bool are_numbers(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [](const std::string& name) {
    return name.find_first_not_of("0123456789") == std::string::npos;
  });
}

ImageFolder scan_image_folder(const fs::path& root, const ClassNames& classes, ClassOrder order) {
  const std::vector<fs::path> directories = list_directories(root);
  if (directories.empty())
    fail_hint(
        ErrorCode::NotFound,
        "pictures lie in FOLDER/CLASS/; vitro eval --ground-truth FILE takes those of one folder",
        "image folder '{}': no sub-directories, expected one per class", root.string());
  ImageFolder folder;
  folder.classes = classes.ids;
  if (classes.ids.empty()) count_directories(directories, order, folder);
  const ClassNames known{folder.classes, classes.labels};
  const ClassFinder finder(known);
  for (const fs::path& directory : directories) {
    const std::string name = directory.filename().string();
    const std::optional<int> label = finder.find(name);
    if (!label)
      fail_hint(ErrorCode::InvalidArgument,
                "vitro eval --classes FILE says which name each output has, in order",
                "image folder '{}': directory '{}' is not one of the {} classes, expected names "
                "such as '{}'",
                root.string(), name, folder.classes.size(), folder.classes.front());
    PictureFiles files = find_pictures(directory);
    folder.passed_over += files.others;
    for (fs::path& picture : files.pictures) folder.images.push_back({std::move(picture), *label});
  }
  check(!folder.images.empty(), ErrorCode::NotFound,
        "image folder '{}': no {} file in {} directories", root.string(), kPictureEndings,
        directories.size());
  return folder;
}

}  // namespace vitro
