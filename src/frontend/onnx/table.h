#pragma once

#include <span>
#include <string>
#include <string_view>

#include "frontend/onnx/call.h"

namespace vitro::onnx {

/// The newest opset that the table knows.
inline constexpr int64_t kNewestOpset = 23;

/// An op of ONNX. Of several rows with its name the one with the greatest `since` that is not above
/// the opset of the model counts.
struct TableRow {
  std::string_view domain;  ///< "": ONNX's own
  std::string_view op;
  int64_t since;  ///< the first opset in which the op means what the function makes of it
  ImportFunction function;
};

/// All that can be imported; the only place that lists it. Sorted by domain and op.
std::span<const TableRow> table();

struct TableLookup {
  ImportFunction function = nullptr;
  std::string reason;  ///< why there is none
};
TableLookup find_importer(std::string_view domain, std::string_view op, int64_t opset);

// Of the table, by family; each is named after its op.
// ops_elementwise.cpp
Results import_binary_chain(Call& call);
Results import_cast(Call& call);
Results import_cast_like(Call& call);
Results import_clip_6(Call& call);
Results import_clip(Call& call);
Results import_compare(Call& call);
Results import_gelu(Call& call);
Results import_is_inf(Call& call);
Results import_mean(Call& call);
Results import_mod(Call& call);
Results import_pow(Call& call);
Results import_prelu(Call& call);
Results import_selu(Call& call);
Results import_shrink(Call& call);
Results import_swish(Call& call);
Results import_unary(Call& call);
Results import_where(Call& call);
// ops_control.cpp
Results import_if(Call& call);
Results import_loop(Call& call);
Results import_scan(Call& call);
// ops_convolution.cpp
Results import_conv(Call& call);
Results import_conv_integer(Call& call);
Results import_col2im(Call& call);
Results import_conv_transpose(Call& call);
Results import_qlinear_conv(Call& call);
// ops_einsum.cpp
Results import_einsum(Call& call);
// ops_indexed.cpp
Results import_gather_nd(Call& call);
Results import_scatter_elements(Call& call);
Results import_scatter_nd(Call& call);
// ops_microsoft.cpp
Results import_fused_conv(Call& call);
Results import_fused_gelu(Call& call);
Results import_fused_matmul(Call& call);
Results import_qgemm(Call& call);
Results import_qlinear_average_pool(Call& call);
Results import_qlinear_binary(Call& call);
Results import_qlinear_concat(Call& call);
Results import_qlinear_global_average_pool(Call& call);
Results import_qlinear_softmax(Call& call);
Results import_qlinear_unary(Call& call);
Results import_qlinear_where(Call& call);
Results import_skip_layer_normalization(Call& call);
// ops_movement.cpp
Results import_concat(Call& call);
Results import_depth_to_space(Call& call);
Results import_expand(Call& call);
Results import_flatten(Call& call);
Results import_gather(Call& call);
Results import_gather_elements(Call& call);
Results import_identity(Call& call);
Results import_pad_2(Call& call);
Results import_pad(Call& call);
Results import_reshape(Call& call);
Results import_slice_1(Call& call);
Results import_slice(Call& call);
Results import_space_to_depth(Call& call);
Results import_split(Call& call);
Results import_squeeze(Call& call);
Results import_tile(Call& call);
Results import_transpose(Call& call);
Results import_unsqueeze(Call& call);
// ops_made.cpp
Results import_constant(Call& call);
Results import_constant_of_shape(Call& call);
Results import_dropout(Call& call);
Results import_eye_like(Call& call);
Results import_one_hot(Call& call);
Results import_range(Call& call);
Results import_shape(Call& call);
Results import_size(Call& call);
Results import_trilu(Call& call);
// ops_normalization.cpp
Results import_batch_normalization(Call& call);
Results import_group_normalization_18(Call& call);
Results import_group_normalization(Call& call);
Results import_instance_normalization(Call& call);
Results import_layer_normalization(Call& call);
Results import_log_softmax_1(Call& call);
Results import_log_softmax(Call& call);
Results import_lp_normalization(Call& call);
Results import_lrn(Call& call);
Results import_mean_variance_normalization(Call& call);
Results import_rms_normalization(Call& call);
Results import_softmax_1(Call& call);
Results import_softmax(Call& call);
// ops_pool.cpp
Results import_pool(Call& call);
// ops_product.cpp
Results import_attention(Call& call);
Results import_gemm(Call& call);
Results import_matmul(Call& call);
Results import_matmul_integer(Call& call);
Results import_qlinear_matmul(Call& call);
// ops_quantization.cpp
Results import_dequantize_linear(Call& call);
Results import_dynamic_quantize_linear(Call& call);
Results import_quantize_linear(Call& call);
// ops_reduction.cpp
Results import_arg(Call& call);
Results import_cum_sum(Call& call);
Results import_global_pool(Call& call);
Results import_hardmax(Call& call);
Results import_reduce(Call& call);
Results import_top_k(Call& call);
// ops_resize.cpp
Results import_resize_10(Call& call);
Results import_resize(Call& call);
Results import_upsample(Call& call);

// What they share.
/// Codes as float32 numbers; a scale for each position of `axis`, or one for all.
ValueId dequantized(Call& call, ValueId codes, ValueId scale, ValueId zero_point, int64_t axis);
/// Numbers as codes; operand i is their scale, i + 1 their zero point.
ValueId quantized(Call& call, ValueId x, size_t i);
/// Averages of x [n, c, spatial...], by the attributes of AveragePool.
ValueId average_pool(Call& call, ValueId x);

}  // namespace vitro::onnx
