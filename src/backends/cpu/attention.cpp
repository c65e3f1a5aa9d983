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
                             float scale, int threads, Precision precision)
    : table_(active_kernels()),
      threads_(threads),
      images_(images),
      in_bfloat16_(precision == Precision::BFloat16 && head_dim % 2 == 0) {
  args_.tokens = tokens;
  args_.heads = heads;
  args_.head_dim = head_dim;
  args_.scale = scale;
  queries_ = {tokens, kAttentionQueries, (tokens + kAttentionQueries - 1) / kAttentionQueries};
  thread_size_ = aligned_floats(static_cast<int64_t>(attention_scratch_size(tokens, head_dim)));
}

size_t AttentionCore::scratch_size() const { return thread_size_ * static_cast<size_t>(threads_); }

void AttentionCore::run(const float* qkv, float* out, float* scratch, ThreadTeam& team) const {
  AttentionArgs first = args_;
  first.qkv = qkv;
  first.out = out;
  run(first, scratch, team);
}

void AttentionCore::run(const uint16_t* qkv, float* out, uint16_t* rounded, float* scratch,
                        ThreadTeam& team) const {
  AttentionArgs first = args_;
  first.qkv_bfloat16 = qkv;
  first.out = out;
  first.out_bfloat16 = rounded;
  run(first, scratch, team);
}

void AttentionCore::run(const AttentionArgs& first, float* scratch, ThreadTeam& team) const {
  const Attention attention = in_bfloat16_ ? table_.bfloat16.attention : table_.attention;
  const int64_t units = images_ * args_.heads, channels = args_.heads * args_.head_dim;
  team.parallel_for(units * queries_.count, [&](int64_t task, int thread) {
    const int64_t unit = task / queries_.count, band = task % queries_.count;
    const int64_t row = unit / args_.heads * args_.tokens;
    AttentionArgs args = first;
    if (args.qkv) args.qkv += row * 3 * channels;
    if (args.out) args.out += row * channels;
    if (args.qkv_bfloat16) args.qkv_bfloat16 += row * bfloat16_stride(3 * channels);
    if (args.out_bfloat16) args.out_bfloat16 += row * bfloat16_stride(channels);
    args.scratch = scratch + thread_size_ * static_cast<size_t>(thread);
    attention(args, unit % args_.heads, queries_.begin(band), queries_.begin(band + 1));
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
              op.node.as<AttentionAttrs>().head_dim, op.node.as<AttentionAttrs>().scale, op.threads,
              op.precision),
        bands_(row_bands(op.input(0), op.threads)),
        columns_(op.input(0).dims.back()) {}
  size_t scratch_bytes() const override {
    return (rounded_size() + core_.scratch_size()) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const float* qkv = args.in<float>(0);
    auto* scratch = reinterpret_cast<float*>(args.scratch);
    if (!core_.in_bfloat16()) return core_.run(qkv, args.out<float>(), scratch, team_of(args));
    auto* rounded = reinterpret_cast<uint16_t*>(scratch);
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t row = bands_.begin(band);
      active_kernels().bfloat16.round(qkv + row * columns_, bands_.size(band), columns_,
                                      rounded + row * bfloat16_stride(columns_));
    });
    core_.run(rounded, args.out<float>(), nullptr, scratch + rounded_size(), team_of(args));
  }

 private:
  /// Floats of scratch for the rows in bfloat16.
  size_t rounded_size() const {
    return core_.in_bfloat16() ? aligned_floats(bands_.total * bfloat16_stride(columns_) / 2) : 0;
  }

  AttentionCore core_;
  Bands bands_;  ///< rows of qkv
  int64_t columns_;
};

}  // namespace

const Impl kAttentionHeads{"cpu:attention_heads", can_run, make_kernel<AttentionHeads>};

}  // namespace vitro::cpu
