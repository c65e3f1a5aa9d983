#pragma once

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// y = x but for y[indices[i]] = updates[i]; of several updates of one place the last one stays.
/// Indices count from the end where they are negative, and stay within their extents.
struct ScatterNDArgs {
  int element_bytes = 4;      // 1, 2, 4, 8 or 16
  bool wide = true;           // indices are int64_t, else int32_t
  Dims lead;                  // the extents of x that an index names
  int64_t rows = 0, run = 0;  // x is [rows, run], rows being all of `lead`
  int64_t updates = 0;
  const void* x = nullptr;
  const void* indices = nullptr;  // [updates, lead.rank]
  const void* values = nullptr;   // [updates, run]
  void* y = nullptr;              // may be x
  int32_t* last = nullptr;        // [rows], scratch: the last update of each row
};
/// Three launches: updates first agree on which of them is the last one of its row. Throws
/// std::invalid_argument for more updates than int32_t counts.
void scatter_nd(const ScatterNDArgs& args, const Launch& launch);

}  // namespace vitro::cuda
