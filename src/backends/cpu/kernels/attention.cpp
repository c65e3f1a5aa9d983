#include "backends/cpu/kernels/attention.h"

#include "backends/cpu/kernels/attention_plan.h"
#include "core/panel16.h"

namespace vitro::cpu {

int64_t attention_score_stride(int64_t tokens) { return (tokens + 31) / 32 * 32 + 16; }

size_t attention_keys_size(int64_t tokens, int64_t head_dim) {
  return panel16_size(tokens, head_dim);
}

size_t attention_scratch_size(int64_t tokens) {
  return static_cast<size_t>(kAttentionRows * attention_score_stride(tokens));
}

}  // namespace vitro::cpu
