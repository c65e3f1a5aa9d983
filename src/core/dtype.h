#pragma once

#include <optional>
#include <string_view>

#include "vitro/tensor.h"

namespace vitro {

/// The type with that tag, see dtype_name(); nothing for an unknown one.
std::optional<DType> dtype_from_name(std::string_view name);

}  // namespace vitro
