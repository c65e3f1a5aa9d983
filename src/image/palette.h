#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace vitro::image {

/// The colours of a picture whose pixels are indices: the gray of the index until others are set.
class Palette {
 public:
  Palette() {
    for (size_t index = 0; index < 256; ++index) colors_[index].fill(static_cast<uint8_t>(index));
  }
  void set(size_t index, uint8_t red, uint8_t green, uint8_t blue) {
    colors_[index] = {red, green, blue};
  }
  /// After so many have been set: indices beyond are black, unless all were the gray of the index,
  /// in which case Pillow has a gray picture and no palette.
  void end(size_t count) {
    for (size_t index = 0; index < count; ++index)
      for (const uint8_t value : colors_[index])
        if (value != index) {
          std::fill(colors_.begin() + static_cast<std::ptrdiff_t>(count), colors_.end(),
                    std::array<uint8_t, 3>{});
          return;
        }
  }
  /// Writes three bytes.
  void write(uint8_t index, uint8_t* rgb) const { std::copy_n(colors_[index].begin(), 3, rgb); }

 private:
  std::array<std::array<uint8_t, 3>, 256> colors_{};
};

}  // namespace vitro::image
