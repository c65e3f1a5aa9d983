#pragma once

#include <string>

#include "vitro/tensor.h"

namespace vitro::cli {

/// Images as a model takes them: float32 of a .npy file; float16, float64 and uint8 are converted.
/// Throws Unsupported for another dtype, and what read_npy() does.
Tensor read_npy_images(const std::string& path);

}  // namespace vitro::cli
