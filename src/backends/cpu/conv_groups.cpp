#include "backends/cpu/conv_groups.h"

#include <algorithm>
#include <vector>

#include "backends/cpu/kernels/panel16.h"
#include "core/convert.h"

namespace vitro::cpu {
namespace {

GroupProducts products_of(int64_t groups, int64_t out, int64_t in) {
  int64_t joined = 1;
  for (int64_t i = 2; i <= groups && i * out <= kPanelWidth; ++i)
    if (groups % i == 0) joined = i;
  return {groups / joined, joined * in, joined * out};
}

Dims panel_dims(const TensorType& type) {
  const GroupProducts products = group_products(type);
  Dims dims{products.count, num_panels(products.out), type.dims[2] * type.dims[3] * products.in,
            kPanelWidth};
  if (type.dtype == DType::BFloat16) dims.push_back(2);  // bytes of float32
  return dims;
}

/// Rows [out, taps, in of a group] of each product, next to zeros for the others' channels.
void pack_groups(const TensorType& type, const std::byte* src, std::byte* dst) {
  const GroupProducts products = group_products(type);
  const int64_t out = type.dims[1], taps = type.dims[2] * type.dims[3], in = type.dims[4];
  std::vector<float> weights(static_cast<size_t>(num_elements(type.dims)));
  to_float32(type.dtype, {src, weights.size() * dtype_size(type.dtype)}, weights.data());
  const float* row = weights.data();
  auto* panels = reinterpret_cast<float*>(dst);
  const int64_t depth = taps * products.in;
  for (int64_t product = 0; product < products.count; ++product) {
    std::vector<float> rows(static_cast<size_t>(products.out * depth));
    for (int64_t o = 0; o < products.out; ++o)
      for (int64_t tap = 0; tap < taps; ++tap, row += in)
        std::copy_n(row, in,
                    &rows[static_cast<size_t>(o * depth + tap * products.in + o / out * in)]);
    pack_panel16(rows.data(), products.out, depth, panels);
    panels += panel16_size(products.out, depth);
  }
}

}  // namespace

GroupProducts group_products(const TensorType& weight) {
  const Dims& w = weight.dims;
  return w.size() == 4 ? products_of(1, w[0], w[3]) : products_of(w[0], w[1], w[4]);
}

GroupProducts group_products(const OpContext& op) {
  const Dims& w = op.input(1).dims;
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  return products_of(groups, w[0] / groups, w[3]);
}

const PackedForm kGroupPanel16{"cpu:group_panel16", panel_dims, pack_groups, nullptr};

Constant group_packed(const OpContext& op, const PackedForm& form) {
  Constant weight = op.cache.rows(op.take(1));
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  Dims& dims = weight.type.dims;
  dims[0] /= groups;
  dims.insert(dims.begin(), groups);
  return op.cache.packed(weight, form);
}

}  // namespace vitro::cpu
