#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "image/class_list.h"

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

/// Pictures and their classes.
struct ImageFolder {
  std::vector<LabelledImage> images;
  std::vector<std::string> classes;     ///< what they are called
  size_t passed_over = 0;               ///< files that are no pictures by their names
  ClassOrder order = ClassOrder::Text;  ///< of directories without a list; never Auto
};

/// Whether every name is a number without sign.
bool are_numbers(const std::vector<std::string>& names);

/// Finds root/CLASS/**/*.{jpg,jpeg,jpe,jfif,png,webp}, upper or lower case, by class directory,
/// then by path (torchvision's ImageFolder convention); names that begin with a dot are skipped.
/// Without `classes` the directory names in that order are the classes; otherwise each directory
/// must have the id or the label of a class, and there may be classes without one. Throws NotFound
/// (no such directory, no class directories, no pictures), InvalidArgument (a directory of no
/// class) and DeviceError (unreadable).
ImageFolder scan_image_folder(const std::filesystem::path& root, const ClassNames& classes,
                              ClassOrder order = ClassOrder::Auto);

}  // namespace vitro
