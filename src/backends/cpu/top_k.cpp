#include <algorithm>
#include <bit>
#include <cmath>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

/// An element of a line as a number that rises in the order that is asked for, and where it lies.
struct Key {
  uint64_t rank;
  int64_t index;
  /// Equal elements keep their order, so that an unstable sort has one result.
  bool operator<(const Key& other) const {
    return rank != other.rank ? rank < other.rank : index < other.index;
  }
};

uint64_t rising(float x) {
  if (std::isnan(x)) return 0;                          // first, whichever end is asked for
  const auto bits = std::bit_cast<uint32_t>(x + 0.0f);  // -0 is 0
  constexpr uint32_t kSign = 0x80000000u;
  return bits & kSign ? ~bits : bits | kSign;
}
uint64_t rising(int64_t x) { return static_cast<uint64_t>(x) ^ (uint64_t{1} << 63); }

uint64_t rank_of(float x, bool largest) {
  const uint64_t rank = rising(x);
  return largest && rank != 0 ? ~uint32_t{0} - rank : rank;
}
uint64_t rank_of(int64_t x, bool largest) { return largest ? ~rising(x) : rising(x); }

/// Sorts the keys of one line at a time, in the scratch of its thread.
template <typename T>
class TopKKernel final : public Kernel {
 public:
  explicit TopKKernel(const OpContext& op)
      : k_(top_k_count(op.node, operands_of(op.node, op.types, op.contents))),
        largest_(op.node.as<TopKAttrs>().largest),
        threads_(op.threads) {
    const Dims& dims = op.input(0).dims;
    const auto axis =
        axis_of(op.node, op.node.as<TopKAttrs>().axis, static_cast<int64_t>(dims.size()));
    const auto at = dims.begin() + static_cast<std::ptrdiff_t>(axis);
    count_ = *at;
    inner_ = num_elements({at + 1, dims.end()});
    const int64_t lines = num_elements({dims.begin(), at}) * inner_;
    bands_ = {lines, 1, std::min(lines, element_bands(op.input(0), op.threads).count)};
  }
  size_t scratch_bytes() const override {
    return aligned_bytes(static_cast<size_t>(count_) * sizeof(Key)) * static_cast<size_t>(threads_);
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int thread) {
      const size_t bytes = aligned_bytes(static_cast<size_t>(count_) * sizeof(Key));
      auto* keys = reinterpret_cast<Key*>(args.scratch + static_cast<size_t>(thread) * bytes);
      for (int64_t line = bands_.begin(band); line < bands_.begin(band + 1); ++line)
        sort_line(args, line, keys);
    });
  }

 private:
  void sort_line(const KernelArgs& args, int64_t line, Key* keys) const {
    const int64_t outer = line / inner_, inside = line % inner_;
    const T* x = args.in<T>(0) + outer * count_ * inner_ + inside;
    for (int64_t i = 0; i < count_; ++i) keys[i] = {rank_of(x[i * inner_], largest_), i};
    if (k_ < count_)
      std::partial_sort(keys, keys + k_, keys + count_);
    else
      std::sort(keys, keys + count_);
    const int64_t first = outer * k_ * inner_ + inside;
    for (int64_t i = 0; i < k_; ++i) {
      const int64_t position = first + i * inner_;
      if (args.outputs[0]) args.out<T>(0)[position] = x[keys[i].index * inner_];
      if (args.outputs.size() > 1 && args.outputs[1])
        args.out<int64_t>(1)[position] = keys[i].index;
    }
  }

  int64_t k_, count_ = 0, inner_ = 1;
  bool largest_;
  int threads_;
  Bands bands_;  ///< of lines
};

std::optional<Refusal> can_sort(const OpContext& op) {
  const DType dtype = op.input(0).dtype;
  if (dtype == DType::Float32 || dtype == DType::Int64) return std::nullopt;
  return Refusal{fmt::format("elements are {}, expected F32 or I64", dtype_name(dtype))};
}

std::unique_ptr<Kernel> make_top_k(const OpContext& op) {
  if (op.input(0).dtype == DType::Int64) return std::make_unique<TopKKernel<int64_t>>(op);
  return std::make_unique<TopKKernel<float>>(op);
}

}  // namespace

const Impl kTopKSort{"cpu:top_k_sort", can_sort, make_top_k};

}  // namespace vitro::cpu
