#pragma once

#include <filesystem>
#include <string>

#include "image/folder.h"

namespace vitro::test {

/// An ONNX classifier of pictures of any size: a padded convolution "stem" of 3 to 8 channels, a
/// 1x1 one "mix" and a product "head" of 4 classes.
void write_small_model(const std::filesystem::path& path, float factor = 1);

/// A picture of noise (24-bit BMP, 32 x 32), or of one colour.
void write_picture(const std::filesystem::path& path, uint32_t seed, bool one_colour = false);

/// `per_class` pictures in each of root/a, root/b, ...
void write_pictures(const std::filesystem::path& root, int classes, int per_class,
                    uint32_t seed = 0);

}  // namespace vitro::test
