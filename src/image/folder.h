#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace vitro {

/// A picture of a known class.
struct LabelledImage {
  std::filesystem::path path;
  int label = 0;  ///< index into ImageFolder::classes
};

/// How directories without a class list are counted.
enum class ClassOrder {
  Auto,     ///< Natural when their names are the numbers from 0 on, else Text
  Text,     ///< "0", "1", "10", "2": torchvision's
  Natural,  ///< "0", "1", "2", "10": digits as numbers, timm's
};

/// Pictures sorted into one directory per class (torchvision's ImageFolder convention).
struct ImageFolder {
  std::vector<LabelledImage> images;  ///< by class directory, then by path
  std::vector<std::string> classes;
  size_t passed_over = 0;  ///< files in class directories that are no pictures by their names
  ClassOrder order = ClassOrder::Text;  ///< of classes without a list; never Auto
};

/// Whether every name is a number without sign.
bool are_numbers(const std::vector<std::string>& names);

/// The two columns of a class list; line number = class index = label.
struct ClassNames {
  std::vector<std::string> ids;     ///< directory names, e.g. "n02124075"
  std::vector<std::string> labels;  ///< for people, e.g. "Egyptian cat"
};

/// Finds root/CLASS/**/*.{jpg,jpeg,jpe,jfif,png,webp}, upper or lower case; names that begin with a
/// dot are skipped. With an empty `class_list` the directory names in that order are the classes;
/// otherwise each directory name must be in the list, which need not be used up. Throws NotFound
/// (no such directory, no class directories, no pictures), InvalidArgument (a directory that is not
/// in the list) and DeviceError (unreadable).
ImageFolder scan_image_folder(const std::filesystem::path& root,
                              const std::vector<std::string>& class_list,
                              ClassOrder order = ClassOrder::Auto);

/// Reads one class per line: "id<TAB>label", or one text that is both. Throws NotFound, DeviceError
/// and CorruptFile (empty, a blank line between others, over 16 MiB).
ClassNames read_class_list(const std::filesystem::path& path);

}  // namespace vitro
