#pragma once

#include "vitro/tensor.h"

namespace vitro {

/// Normally distributed, as preprocessed images roughly are; the same for every call.
Tensor synthetic_input(const Dims& dims);

}  // namespace vitro
