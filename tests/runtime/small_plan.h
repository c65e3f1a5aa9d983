#pragma once

#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro::test {

/// A network of every kind of block in a few kilobytes: images [n, 3, 4a, 4b] -> 5 logits.
Plan small_plan(DType weights = DType::Float32);

/// The same of pixels, uint8 [n, 4a, 4b, 3].
Plan small_plan_of_pixels();

/// Its graph with products as nodes of their own.
Graph small_unfused_graph();

/// Reproducible values in [-2, 2).
Tensor random_images(const Dims& dims);

}  // namespace vitro::test
