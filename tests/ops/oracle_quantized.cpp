#include <cmath>

#include "core/convert.h"
#include "core/float8.h"
#include "ops/oracle_ops.h"

namespace vitro::oracle {
namespace {

// Rounded as the definition says, or a code would be another one where x lies between two.
double code_of(double x, double factor, double offset, bool floats) {
  const float scaled =
      std::fma(static_cast<float>(x), static_cast<float>(factor), static_cast<float>(offset));
  if (floats) return double{float8_e4m3_to_float32(float32_to_float8_e4m3(scaled))};
  const float code = std::nearbyint(scaled);
  return code > 0 ? std::fmin(code, 255.0) : 0.0;
}

}  // namespace

void quantized_product(const Node& node, const Arrays& in, Array& out) {
  const bool floats = in[1].dtype == DType::Float8E4M3;
  const int64_t channels = in[4].size();
  Array zeros({channels}), codes = in[0], no_bias(in[2].dims);
  for (int64_t c = 0; c < channels; ++c) zeros[c] = code_of(0, in[4][c], in[5][c], floats);
  // Less the code of 0, so that nothing is left of the padding of a convolution.
  for (int64_t i = 0; i < codes.size(); ++i) {
    const int64_t c = i % channels;
    codes[i] = code_of(in[0][i], in[4][c], in[5][c], floats) - zeros[c];
  }
  if (node.kind == OpKind::QuantizedConv)
    conv(node, {codes, in[1], no_bias}, out);
  else
    linear({codes, in[1], no_bias}, out);
  const int64_t num_out = in[1].dims[0], terms = in[1].size() / num_out;
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t o = i % num_out;
    for (int64_t t = 0; t < terms; ++t) out[i] += in[1][o * terms + t] * zeros[t % channels];
    out[i] = out[i] * in[3][o] + in[2][o];
  }
}

}  // namespace vitro::oracle
