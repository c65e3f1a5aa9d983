#include "backends/cpu/attention.h"
#include "backends/host_lane.h"

#include <fmt/core.h>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"

namespace vitro::cpu {

std::optional<Refusal> needs_scale(float scale) {
  if (scale >= 0) return std::nullopt;
  return Refusal{fmt::format("scale {} is not positive", scale)};
}

AttentionCore::AttentionCore(int64_t images, int64_t tokens, int64_t heads, int64_t head_dim,
                             float scale, int threads)
    : table_(active_kernels()), threads_(threads), images_(images) {
  args_.tokens = tokens;
  args_.heads = heads;
  args_.head_dim = head_dim;
  args_.scale = scale;
  queries_ = {tokens, kAttentionQueries, (tokens + kAttentionQueries - 1) / kAttentionQueries};
  thread_size_ = aligned_floats(static_cast<int64_t>(attention_scratch_size(tokens, head_dim)));
}

size_t AttentionCore::scratch_size() const { return thread_size_ * static_cast<size_t>(threads_); }

void AttentionCore::run(const float* qkv, float* out, float* scratch, ThreadTeam& team) const {
  const int64_t units = images_ * args_.heads, channels = args_.heads * args_.head_dim;
  team.parallel_for(units * queries_.count, [&](int64_t task, int thread) {
    const int64_t unit = task / queries_.count, band = task % queries_.count;
    const int64_t row = unit / args_.heads * args_.tokens;
    AttentionArgs args = args_;
    args.qkv = qkv + row * 3 * channels;
    args.out = out + row * channels;
    args.scratch = scratch + thread_size_ * static_cast<size_t>(thread);
    table_.attention(args, unit % args_.heads, queries_.begin(band), queries_.begin(band + 1));
  });
}

namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (op.has_input(1)) return Refusal{"the scores have a bias"};
  if (auto refusal = needs_float32(op)) return refusal;
  return needs_scale(op.node.as<AttentionAttrs>().scale);
}

class AttentionHeads final : public Kernel {
 public:
  explicit AttentionHeads(const OpContext& op)
      : core_(op.input(0).dims[0], op.input(0).dims[1], op.node.as<AttentionAttrs>().heads,
              op.node.as<AttentionAttrs>().head_dim, op.node.as<AttentionAttrs>().scale,
              op.threads) {}
  size_t scratch_bytes() const override { return core_.scratch_size() * sizeof(float); }
  void run(const KernelArgs& args) const override {
    core_.run(args.in<float>(0), args.out<float>(), reinterpret_cast<float*>(args.scratch),
              team_of(args));
  }

 private:
  AttentionCore core_;
};

}  // namespace

const Impl kAttentionHeads{"cpu:attention_heads", can_run, make_kernel<AttentionHeads>};

}  // namespace vitro::cpu
