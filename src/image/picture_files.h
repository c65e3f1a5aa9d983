#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace vitro {

/// What the name of a picture ends in, upper or lower case, for messages.
inline constexpr const char* kPictureEndings =
    ".jpg, .jpeg, .jpe, .jfif, .png, .webp, .gif, .bmp, .dib, .tif or .tiff";

/// The directories right below one, by name; names that begin with a dot are passed over. Throws
/// NotFound when `root` is no directory, and DeviceError.
std::vector<std::filesystem::path> list_directories(const std::filesystem::path& root);

struct PictureFiles {
  std::vector<std::filesystem::path> pictures;  ///< by path
  size_t others = 0;                            ///< files that are no pictures by their names
};

/// The pictures below a directory, however deep. Links are followed, each directory once. Throws as
/// list_directories().
PictureFiles find_pictures(const std::filesystem::path& root);

/// "a2" before "a10", where text has "a10" before "a2".
bool less_naturally(const std::string& a, const std::string& b);

}  // namespace vitro
