#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vitro/image.h"

namespace vitro {

/// The values of an enumeration and what files and reports call them.
template <typename Enum, size_t kCount>
using Names = std::array<std::pair<const char*, Enum>, kCount>;

// The words of timm.
inline constexpr Names<CropMode, 3> kCropModes{
    {{"center", CropMode::Center}, {"squash", CropMode::Squash}, {"border", CropMode::Border}}};
inline constexpr Names<Interpolation, 3> kInterpolations{{{"bilinear", Interpolation::Bilinear},
                                                          {"bicubic", Interpolation::Bicubic},
                                                          {"lanczos", Interpolation::Lanczos}}};

template <typename Enum, size_t kCount>
const char* name_in(const Names<Enum, kCount>& names, Enum value) {
  for (const auto& [name, known] : names)
    if (known == value) return name;
  return "unknown";
}

template <typename Enum, size_t kCount>
std::optional<Enum> value_in(const Names<Enum, kCount>& names, std::string_view name) {
  for (const auto& [known, value] : names)
    if (name == known) return value;
  return std::nullopt;
}

template <typename Enum, size_t kCount>
std::vector<std::string> names_of(const Names<Enum, kCount>& names) {
  std::vector<std::string> result;
  for (const auto& [name, value] : names) result.emplace_back(name);
  return result;
}

}  // namespace vitro
