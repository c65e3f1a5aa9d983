#include "backends/cpu/reduce_step.h"

#include <bit>
#include <numeric>

#include "backends/cpu/kernel_choice.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kMaxParts = 8;

/// So many tokens of few channels are one of several whole registers: without a rest if that leaves
/// enough of them, or else of one register. They are reduced apart and then joined.
int64_t fold_of(const Reduced& shape) {
  constexpr int64_t kEnough = 4;
  for (const int64_t width : {64, 16}) {
    const int64_t fold = width / std::gcd(width, shape.inner);
    if (shape.inner < width && shape.reduced >= kEnough * fold) return fold;
  }
  return 1;
}

}  // namespace

Bands token_parts(int64_t tokens, int64_t channels) {
  constexpr int64_t kPartElements = 16384, kPartTokens = 16;
  const int64_t parts = std::clamp<int64_t>(
      std::min(tokens * channels / kPartElements, tokens / kPartTokens), 1, kMaxParts);
  return {tokens, 1, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(parts)))};
}

ReduceStep::ReduceStep(ReduceKind kind, const Reduced& shape, int threads)
    : kind_(kind), shape_(shape) {
  const KernelTable& table = active_kernels();
  rows_ = table.reduce_of(kind).rows;
  bands_ = element_bands({DType::Float32, {shape.elements()}}, threads).count;
  if (shape.inner == 1) return;
  fold_ = fold_of(shape);
  left_ = shape.reduced % fold_;
  const int64_t channels = shape.inner * fold_;
  tokens_ = token_parts(shape.reduced / fold_, channels);
  joined_ = tokens_.count * fold_ + left_;
  channels_ = {channels, 16, 1};
  if (tokens_.count == 1)
    channels_.count = std::min((bands_ + shape.outer - 1) / std::max<int64_t>(1, shape.outer),
                               (channels + 15) / 16);
  // The parts may differ in size: their means have no mean.
  const ReduceKind part = joined_ > 1 && kind == ReduceKind::Mean ? ReduceKind::Sum : kind;
  part_ = table.reduce_of(part).tokens;
  join_ = table.reduce_of(joining(part)).tokens;
}

void ReduceStep::run(ThreadTeam& team, const float* x, float* dst, float* scratch) const {
  if (shape_.inner == 1) return run_rows(team, x, dst);
  if (joined_ == 1) return run_tokens(team, x, dst);
  run_tokens(team, x, scratch);
  join(team, scratch, dst);
}

void ReduceStep::run_rows(ThreadTeam& team, const float* x, float* dst) const {
  const Bands rows{shape_.outer, 1, std::min(shape_.outer, bands_)};
  team.parallel_for(rows.count, [&](int64_t band, int) {
    rows_(x, shape_.reduced, rows.begin(band), rows.begin(band + 1), dst);
  });
}

/// To dst [images, joined, inner].
void ReduceStep::run_tokens(ThreadTeam& team, const float* x, float* dst) const {
  const int64_t channels = channels_.total, of_image = tokens_.count * channels_.count;
  // Several small images at a time.
  const int64_t units = shape_.outer * of_image;
  const Bands tasks{units, 1, std::min(units, bands_ * kMaxParts)};
  team.parallel_for(tasks.count, [&](int64_t task, int) {
    for (int64_t unit = tasks.begin(task); unit < tasks.begin(task + 1); ++unit) {
      const int64_t image = unit / of_image, i = unit % of_image;
      const int64_t part = i / channels_.count, band = i % channels_.count;
      const float* map = x + image * shape_.reduced * shape_.inner;
      float* rows = dst + image * joined_ * shape_.inner;
      part_(map + tokens_.begin(part) * channels, tokens_.size(part), channels,
            channels_.begin(band), channels_.begin(band + 1), rows + part * channels);
      if (i + 1 < of_image || left_ == 0) continue;
      const int64_t rest = left_ * shape_.inner;
      part_(map + tokens_.total * channels, 1, rest, 0, rest, rows + tokens_.count * channels);
    }
  });
}

void ReduceStep::join(ThreadTeam& team, const float* parts, float* dst) const {
  const int64_t inner = shape_.inner;
  const Bands images{shape_.outer, 1, std::min(shape_.outer, bands_)};
  team.parallel_for(images.count, [&](int64_t band, int) {
    for (int64_t image = images.begin(band); image < images.begin(band + 1); ++image) {
      float* result = dst + image * inner;
      join_(parts + image * joined_ * inner, joined_, inner, 0, inner, result);
      if (kind_ != ReduceKind::Mean) continue;
      const float factor = 1.0f / static_cast<float>(shape_.reduced);
      for (int64_t i = 0; i < inner; ++i) result[i] *= factor;
    }
  });
}

}  // namespace vitro::cpu
