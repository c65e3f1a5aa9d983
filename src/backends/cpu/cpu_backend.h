#pragma once

#include "backends/backend.h"

namespace vitro {

/// AVX-512, AVX2 or portable kernels chosen at run time, with oneDNN for general convolutions.
const Backend& cpu_backend();

}  // namespace vitro
