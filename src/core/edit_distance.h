#pragma once

#include <cstddef>
#include <string_view>

namespace vitro {

/// How many characters must be inserted, removed or replaced to make `b` of `a`.
size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace vitro
