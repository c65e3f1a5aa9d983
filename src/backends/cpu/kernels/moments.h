#pragma once

#include <cstdint>

namespace vitro::cpu {

/// The means of x [tokens, channels] over the tokens and the sums of the squares about them, for
/// channels [begin, end) only.
using MomentTokens = void (*)(const float* x, int64_t tokens, int64_t channels, int64_t begin,
                              int64_t end, float* means, float* squares);

}  // namespace vitro::cpu
