#pragma once

#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro::test {

/// A network of every kind of block in a few kilobytes: images [n, 3, 4a, 4b] -> 5 logits.
Plan small_plan(DType weights = DType::Float32);

/// Its graph with products as nodes of their own.
Graph small_unfused_graph();

/// Reproducible values in [-2, 2).
Tensor random_images(const Dims& dims);

}  // namespace vitro::test
