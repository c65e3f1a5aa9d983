#pragma once

#include "vitro/tensor.h"

namespace vitro {

/// Normally distributed, as preprocessed images roughly are; pixels, which is what uint8 of four
/// axes are; else integers from 0 to 7, which may be positions in something; booleans. The same for every call with one seed.
Tensor synthetic_input(const Dims& dims, DType dtype = DType::Float32, uint32_t seed = 1);

}  // namespace vitro
