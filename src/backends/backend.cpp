#include "backends/backend.h"

#include "core/aligned_memory.h"
#include "core/check.h"

namespace vitro {

LaneMemory Lane::allocate(size_t bytes) {
  return {allocate_aligned(bytes, "values between programs"), {}};
}

Precision Backend::precision(Precision asked) const {
  if (asked == Precision::Default || asked == Precision::Float32) return Precision::Float32;
  fail_hint(ErrorCode::Unsupported, "--backend cuda has fp32, tf32, fp16 and bf16",
            "backend '{}' computes in fp32, not in {}", name(), to_string(asked));
}

void Context::enqueue(std::span<const TensorView>, std::span<const TensorView>, void*) {
  fail_hint(ErrorCode::Unsupported, "streams are for backend 'cuda': leave RunOptions::stream null",
            "session: a run on a stream, which its backend does not have");
}

}  // namespace vitro
