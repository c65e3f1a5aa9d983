#pragma once

#include "backends/cpu/kernels/rows.h"

namespace vitro::cpu {

/// dst = softmax(x) over the rows of each of maps [map_begin, map_end) of x [maps, rows, columns].
using SoftmaxMaps = void (*)(const SoftmaxArgs& args, int64_t rows, int64_t map_begin,
                             int64_t map_end);

}  // namespace vitro::cpu
