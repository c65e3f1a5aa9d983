#pragma once

#include <cstdint>

namespace vitro::cpu {

/// Queries that share one pass over the keys: four tiles of six rows, so that the panels of K come
/// from L1 three times out of four while 24 x 196 scores still fit beside them.
constexpr int64_t kAttentionRows = 24;

/// Row stride of the scores: an odd number of cache lines, so that rows spread over all cache sets.
int64_t attention_score_stride(int64_t tokens);

}  // namespace vitro::cpu
