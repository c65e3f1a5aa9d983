#include "backends/cpu/rounded_products.h"

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "backends/rounded_product.h"
#include "core/float8.h"

// Products of 8-bit floats, which no instruction of a CPU multiplies.
namespace vitro::cpu {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float8(op)) return refusal;
  return needs_float32(op);
}

std::optional<Refusal> can_convolve(const OpContext& op) {
  if (op.input(1).dims.size() != 4) return Refusal{"it is not over two axes"};
  return can_run(op);
}

/// dst = x [rows, channels], rounded.
void round_rows(const Float8Rounding& rounding, const float* x, int64_t rows, float* dst) {
  const auto channels = static_cast<int64_t>(rounding.factor.size());
  const float *factor = rounding.factor.data(), *step = rounding.step.data();
  for (int64_t row = 0; row < rows; ++row, x += channels, dst += channels)
    for (int64_t i = 0; i < channels; ++i) dst[i] = nearest_float8_e4m3(x[i] * factor[i]) * step[i];
}

template <const Impl& product>
std::unique_ptr<Kernel> make(const OpContext& op) {
  const auto round = [rounding = float8_rounding(op), bands = row_bands(op.input(0), op.threads)](
                         const KernelArgs& args, std::byte* rounded) {
    const auto channels = static_cast<int64_t>(rounding.factor.size());
    auto* dst = reinterpret_cast<float*>(rounded);
    team_of(args).parallel_for(bands.count, [&](int64_t band, int) {
      const int64_t at = bands.begin(band) * channels;
      round_rows(rounding, args.in<float>(0) + at, bands.size(band), dst + at);
    });
  };
  return std::make_unique<RoundedProduct>(op, std::span(&product, 1), Precision::Float32,
                                          dense_bytes(op.input(0)), round);
}

}  // namespace

const Impl kQuantizedLinearRounded{"cpu:quantized_linear_rounded", can_run, make<kLinearPanel16>};
const Impl kQuantizedConvRounded{"cpu:quantized_conv_rounded", can_convolve, make<kConv2dPanel16>};

}  // namespace vitro::cpu
