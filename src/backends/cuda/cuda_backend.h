#pragma once

#include "backends/backend.h"

namespace vitro {

/// Own kernels on NVIDIA GPUs, a CUDA graph for each shape. Null when built without CUDA.
const Backend* cuda_backend();

}  // namespace vitro
