#pragma once

#include "backends/backend.h"

namespace vitro {

/// Our kernels for AMX, AVX-512, AVX2 or any processor, chosen at run time.
const Backend& cpu_backend();

}  // namespace vitro
