#include "models/weights.h"

#include "core/check.h"

namespace vitro {

Constant reshaped(Constant constant, Dims dims) {
  check(num_elements(dims) == num_elements(constant.type.dims), ErrorCode::Internal,
        "weight {} cannot become {}", to_string(constant.type.dims), to_string(dims));
  constant.type.dims = std::move(dims);
  return constant;
}

Constant conv_weight_to_ohwi(const Constant& weight) {
  const int64_t out = weight.type.dims[0], in = weight.type.dims[1];
  const int64_t taps = weight.type.dims[2] * weight.type.dims[3];
  auto [result, dst] = allocate_floats({out, weight.type.dims[2], weight.type.dims[3], in});
  const std::span<const float> src = weight.floats();
  size_t i = 0;
  for (int64_t o = 0; o < out; ++o)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t c = 0; c < in; ++c)
        dst[i++] = src[static_cast<size_t>((o * in + c) * taps + tap)];
  return result;
}

Constant depthwise_weight_to_hwc(const Constant& weight) {
  const int64_t channels = weight.type.dims[0], taps = weight.type.dims[2] * weight.type.dims[3];
  auto [result, dst] = allocate_floats({weight.type.dims[2], weight.type.dims[3], channels});
  const std::span<const float> src = weight.floats();
  size_t i = 0;
  for (int64_t tap = 0; tap < taps; ++tap)
    for (int64_t c = 0; c < channels; ++c) dst[i++] = src[static_cast<size_t>(c * taps + tap)];
  return result;
}

}  // namespace vitro
