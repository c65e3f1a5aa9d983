#include "backends/cpu/kernels/attention.h"

namespace vitro::cpu {

size_t attention_scratch_size(int64_t tokens, int64_t head_dim) {
  return static_cast<size_t>(kAttentionQueries * (tokens + head_dim));
}

}  // namespace vitro::cpu
