#include <fmt/format.h>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/kernel_choice.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

bool is_quantizing(const OpContext& op) { return op.node.kind == OpKind::QuantizeLinear; }

std::optional<Refusal> is_of_bytes(const OpContext& op) {
  const TensorType &floats = is_quantizing(op) ? op.input(0) : op.output(),
                   &codes = is_quantizing(op) ? op.output() : op.input(0);
  if (num_elements(floats.dims) == 0) return Refusal{"operand 0 is empty"};
  if (floats.dtype != DType::Float32 || op.input(1).dtype != DType::Float32)
    return Refusal{fmt::format("the numbers are {}", dtype_name(floats.dtype))};
  if (codes.dtype != DType::UInt8 && codes.dtype != DType::Int8)
    return Refusal{fmt::format("the codes are {}", dtype_name(codes.dtype))};
  const auto rank = static_cast<int64_t>(floats.dims.size());
  if (num_elements(op.input(1).dims) != 1 &&
      axis_of(op.node, op.node.as<QuantizeAttrs>().axis, rank) + 1 != static_cast<size_t>(rank))
    return Refusal{"scales along another axis than the last one"};
  return std::nullopt;
}

/// quantize_linear and dequantize_linear of bytes.
class CodesKernel final : public Kernel {
 public:
  explicit CodesKernel(const OpContext& op)
      : quantizes_(is_quantizing(op)),
        is_signed_((quantizes_ ? op.output() : op.input(0)).dtype == DType::Int8),
        num_scales_(num_elements(op.input(1).dims)),
        bands_(num_scales_ == 1 ? element_bands(op.input(0), op.threads)
                                : row_bands(op.input(0), op.threads)) {
    const KernelTable& table = active_kernels();
    quantize_ = is_signed_ ? table.quantize_int8 : table.quantize_uint8;
    dequantize_ = is_signed_ ? table.dequantize_int8 : table.dequantize_uint8;
  }
  size_t scratch_bytes() const override { return static_cast<size_t>(num_scales_) * sizeof(float); }
  void run(const KernelArgs& args) const override {
    auto* zero = reinterpret_cast<float*>(args.scratch);
    const auto* given = args.in<std::byte>(2);
    for (int64_t i = 0; i < num_scales_; ++i) {
      const auto code = given ? static_cast<uint8_t>(given[i]) : uint8_t{0};
      zero[i] = is_signed_ ? static_cast<float>(static_cast<int8_t>(code)) : code;
    }
    const CodesArgs codes{args.in<float>(1), zero, num_scales_ != 1};
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      if (num_scales_ == 1) return run(args, codes, bands_.begin(band), bands_.size(band));
      for (int64_t row = bands_.begin(band); row < bands_.begin(band + 1); ++row)
        run(args, codes, row * num_scales_, num_scales_);
    });
  }

 private:
  void run(const KernelArgs& args, const CodesArgs& codes, int64_t begin, int64_t count) const {
    if (quantizes_)
      quantize_(codes, args.in<float>(0) + begin, count, args.out<std::byte>() + begin);
    else
      dequantize_(codes, args.in<std::byte>(0) + begin, count, args.out<float>() + begin);
  }

  bool quantizes_, is_signed_;
  int64_t num_scales_;
  Bands bands_;
  QuantizeRange quantize_;
  DequantizeRange dequantize_;
};

}  // namespace

const Impl kQuantizeLinearBytes{"cpu:quantize_linear_bytes", is_of_bytes, make_kernel<CodesKernel>};
const Impl kDequantizeLinearBytes{"cpu:dequantize_linear_bytes", is_of_bytes,
                                  make_kernel<CodesKernel>};

}  // namespace vitro::cpu
