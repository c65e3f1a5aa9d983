#include "backends/backend.h"

#include <algorithm>

#include "core/aligned_memory.h"
#include "core/check.h"

namespace vitro {

LaneMemory Lane::allocate(size_t bytes) {
  return {allocate_aligned(bytes, "values between programs"), {}};
}

Precision Backend::precision(Precision asked) const {
  if (asked == Precision::Default || asked == Precision::Float32) return Precision::Float32;
  fail_hint(ErrorCode::Unsupported,
            "--backend cuda has fp32, tf32, fp16 and bf16; cpu has fp32 and, where the processor "
            "multiplies it, bf16",
            "backend '{}' computes in fp32, not in {}", name(), to_string(asked));
}

std::vector<TunableOp> Executable::tunables() const {
  std::vector<TunableOp> ops;
  for (const Dispatch& one : dispatch()) {
    const bool known =
        std::any_of(ops.begin(), ops.end(), [&](const TunableOp& op) { return op.key == one.key; });
    if (one.chosen && one.candidates.size() > 1 && !known)
      ops.push_back({one.key, {one.candidates.begin(), one.candidates.end()}});
  }
  return ops;
}

void Context::enqueue(std::span<const TensorView>, std::span<const TensorView>, void*) {
  fail_hint(ErrorCode::Unsupported, "streams are for backend 'cuda': leave RunOptions::stream null",
            "session: a run on a stream, which its backend does not have");
}

}  // namespace vitro
