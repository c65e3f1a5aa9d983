#pragma once

#include <string>
#include <vector>

#include "vitro/tensor.h"

namespace vitro {

/// What one extent of an input or output may be.
struct DimRange {
  std::string name;      ///< "batch", "height"; may be empty
  int64_t min = 1;       ///< smallest extent
  int64_t max = 1;       ///< largest extent; equal to min: fixed
  int64_t multiple = 1;  ///< the extent must be a multiple of this
  bool operator==(const DimRange&) const = default;
};

/// An input or output of a model.
struct IoInfo {
  std::string name;
  DType dtype = DType::Float32;
  std::vector<DimRange> dims;  ///< outermost first
};

}  // namespace vitro
