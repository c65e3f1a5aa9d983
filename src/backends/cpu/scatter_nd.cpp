#include <algorithm>
#include <cstring>

#include "backends/cpu/impls.h"
#include "backends/kernel.h"

namespace vitro::cpu {
namespace {

/// dst = x but for dst[indices[i, 0], indices[i, 1], ...] = updates[i], one after the other, so
/// that of several at one place the last one stays. Usually the rows are few, and x is written
/// where it lies.
template <typename Index>
class ScatterKernel final : public Kernel {
 public:
  explicit ScatterKernel(const OpContext& op) {
    const Dims &x = op.input(0).dims, &places = op.input(1).dims;
    const auto split = x.begin() + places.back();
    lead_.assign(x.begin(), split);
    run_ = static_cast<size_t>(num_elements({split, x.end()})) * dtype_size(op.input(0).dtype);
    bytes_ = run_ * static_cast<size_t>(num_elements(lead_));
    updates_ = num_elements({places.begin(), places.end() - 1});
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    std::byte* dst = args.outputs[0];
    if (dst != args.inputs[0]) std::memcpy(dst, args.inputs[0], bytes_);
    const auto* indices = args.in<Index>(1);
    for (int64_t i = 0; i < updates_; ++i) {
      int64_t row = 0;
      for (const int64_t extent : lead_) {
        const auto index = static_cast<int64_t>(*indices++);
        row = row * extent + std::clamp<int64_t>(index < 0 ? index + extent : index, 0, extent - 1);
      }
      std::memcpy(dst + static_cast<size_t>(row) * run_,
                  args.inputs[2] + static_cast<size_t>(i) * run_, run_);
    }
  }

 private:
  Dims lead_;  ///< the axes that the indices name
  size_t run_, bytes_;
  int64_t updates_;
};

std::optional<Refusal> any(const OpContext&) { return std::nullopt; }

std::unique_ptr<Kernel> make_scatter(const OpContext& op) {
  if (op.input(1).dtype == DType::Int64) return std::make_unique<ScatterKernel<int64_t>>(op);
  return std::make_unique<ScatterKernel<int32_t>>(op);
}

}  // namespace

const Impl kScatterNDRows{"cpu:scatter_nd_rows", any, make_scatter};

}  // namespace vitro::cpu
