#pragma once

#include <utility>

#include "backends/cpu/kernels/attention_impl.h"
#include "backends/cpu/kernels/codes_impl.h"
#include "backends/cpu/kernels/depthwise_impl.h"
#include "backends/cpu/kernels/direct_conv_impl.h"
#include "backends/cpu/kernels/gemm_impl.h"
#include "backends/cpu/kernels/kernels.h"
#include "backends/cpu/kernels/moments_impl.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/pool_impl.h"
#include "backends/cpu/kernels/probe_impl.h"
#include "backends/cpu/kernels/reduce_impl.h"
#include "backends/cpu/kernels/rows_impl.h"
#include "backends/cpu/kernels/softmax_impl.h"
#include "backends/cpu/kernels/winograd_impl.h"

namespace vitro::cpu {
namespace {

template <class V, size_t... kKinds>
constexpr void fill_binary(KernelTable& table, std::index_sequence<kKinds...>) {
  ((table.binary[kKinds] = binary_range<V, static_cast<BinaryKind>(kKinds)>), ...);
}

template <class V, size_t... kKinds>
constexpr void fill_reduce(KernelTable& table, std::index_sequence<kKinds...>) {
  ((table.reduce[kKinds] = {reduce_tokens<V, static_cast<ReduceKind>(kKinds)>,
                            reduce_rows<V, static_cast<ReduceKind>(kKinds)>}),
   ...);
}

/// Of gemm_tile: GemmCosts are those of four panels, and what multiplies fewer at a time reads its
/// rows more often.
template <class V>
constexpr GemmCosts gemm_costs() {
  GemmCosts costs;
  costs.per_rows *= static_cast<double>(costs.panels) / V::kGemmPanels;
  costs.panels = V::kGemmPanels;
  return costs;
}

/// Of the vectors V, and the products D of codes and weights.
template <class V, class D>
constexpr KernelTable make_table(Isa isa) {
  KernelTable table{};
  table.isa = isa;
  table.gemm = {gemm_tile<V>, gemm_scratch_size, gemm_costs<V>(), fma_probe<V>,
                kProbeMultiplyAdds<V>};
  table.quantized_gemm = narrow_kernel<D>();
  table.quantize = quantize_matrix<V>;
  table.depthwise = depthwise<V>;
  table.direct_conv = {direct_conv<V>, V::kWidth};
  table.winograd2x2 = {2, winograd_input<V, 2>, winograd_output<V, 2>};
  table.winograd4x4 = {4, winograd_input<V, 4>, winograd_output<V, 4>};
  table.attention = attention<V>;
  table.layer_norm = layer_norm_rows<V>;
  table.softmax = softmax_rows<V>;
  table.softmax_columns = softmax_columns<V>;
  table.softmax_maps = softmax_maps<V>;
  table.activate = activate<V>;
  fill_binary<V>(table, std::make_index_sequence<kNumBinaryKinds>());
  table.weighted_sum = weighted_sum<V>;
  table.transpose = transpose_matrix<V>;
  table.pool = pool<V>;
  table.channel_norm = channel_norm_rows<V>;
  table.quantize_uint8 = quantize_range<V, uint8_t>;
  table.quantize_int8 = quantize_range<V, int8_t>;
  table.dequantize_uint8 = dequantize_range<V, uint8_t>;
  table.dequantize_int8 = dequantize_range<V, int8_t>;
  fill_reduce<V>(table, std::make_index_sequence<kNumReduceKinds>());
  table.moments = moment_tokens<V>;
  table.cum_sum = cum_sum_tokens<V>;
  table.fma_probe = fma_probe<V>;
  table.probe_multiply_adds = kProbeMultiplyAdds<V>;
  return table;
}

}  // namespace
}  // namespace vitro::cpu
