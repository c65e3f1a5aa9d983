#pragma once

#include <span>

#include "core/check.h"
#include "ir/graph.h"
#include "ir/op_info.h"

namespace vitro {

/// Most elements of one tensor, 4 TiB of float32: far above any model, and far enough below 2^63
/// that sizes computed from it (bytes, padding, a factor for each thread) cannot overflow.
inline constexpr int64_t kMaxElements = int64_t{1} << 40;

/// What inference sees of an operand.
struct Operand {
  const TensorType* type = nullptr;  ///< null: the operand is absent
  const Ints* known = nullptr;       ///< its elements, where they are known

  explicit operator bool() const { return type != nullptr; }
  const Dims& dims() const { return type->dims; }
  DType dtype() const { return type->dtype; }
  int64_t rank() const { return static_cast<int64_t>(type->dims.size()); }
};
using Operands = std::span<const Operand>;

/// The operands of a node: as many as it has or op_info() allows at least to name, those that are
/// not given absent. `types` and `contents`, which may be empty, are those of all values, by id.
std::vector<Operand> operands_of(const Node& node, std::span<const TensorType> types,
                                 std::span<const Contents> contents = {});

/// The types of a node's results, as many as it has. The number of operands and the kind of
/// attributes are those of op_info(). Throws InvalidArgument, naming the node, the extents and what
/// was expected, when the op cannot take its operands or a result would have more than kMaxElements
/// elements.
std::vector<TensorType> infer_results(const Node& node, Operands operands);

/// Throws InvalidArgument, naming the node.
template <typename... Args>
void expect(bool condition, const Node& node, fmt::format_string<Args...> format, Args&&... args) {
  if (condition) return;
  fail(ErrorCode::InvalidArgument, "{} '{}': {}", op_name(node), node.source,
       fmt::format(format, std::forward<Args>(args)...));
}
void expect_rank(const Node& node, const Operand& in, size_t rank, const char* operand);
void expect_eps(const Node& node, float eps);
/// Also of what a fused op keeps in scratch, which is not the type of any value.
void expect_bounded(const Node& node, const Dims& dims);
/// An axis from 0 up; `axis` may count from the end.
size_t axis_of(const Node& node, int64_t axis, int64_t rank);
/// The same for several, which must differ.
std::vector<size_t> axes_of(const Node& node, const Ints& axes, int64_t rank);
/// Operand `index` as integers, or `otherwise` when it is absent. Throws when they are not known.
const Ints& known_list(const Node& node, Operands in, size_t index, const Ints& otherwise);
/// The extents that both can be broadcast to.
Dims broadcast_dims(const Node& node, const Dims& a, const Dims& b);

/// A convolution or pool along one spatial axis.
struct WindowAxis {
  int64_t kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;
};
/// One for each spatial axis; lists that are empty stand for the usual values.
std::vector<WindowAxis> window_axes(const Node& node, std::span<const int64_t> kernel,
                                    const Ints& stride, const Ints& dilation, const Ints& pad_begin,
                                    const Ints& pad_end);
/// Those of a conv with that weight [o, kernel..., i], and of a pool.
std::vector<WindowAxis> conv_windows(const Node& node, const Dims& weight);
std::vector<WindowAxis> pool_windows(const Node& node);

/// How slice picks from an axis: `count` positions from `begin`, `step` apart.
struct SliceRange {
  int64_t begin = 0, step = 1, count = 0;
};
std::vector<SliceRange> slice_ranges(const Node& node, Operands in);
/// Sizes of the results of split along its axis.
Ints split_sizes(const Node& node, int64_t extent);
/// How many elements a top_k keeps of each line.
int64_t top_k_count(const Node& node, Operands in);

/// A product in 8 bits has three operands more: the scale of its weight's rows [out], the factor
/// and the offset of its input's channels [in].
inline constexpr size_t kQuantizationOperands = 3;
/// Those of the weight [out, ..., in] that is operand `weight`, from operand `first` on: all and a
/// weight of int8, or none and a weight of floats.
void expect_quantization(const Node& node, Operands in, size_t weight, size_t first);

// The rules of the op kinds, which op_info.cpp assigns; each file has a group.
// infer.cpp
TensorType infer_same(const Node& node, Operands in);
TensorType infer_linear(const Node& node, Operands in);
TensorType infer_matmul(const Node& node, Operands in);
TensorType infer_unary(const Node& node, Operands in);
TensorType infer_binary(const Node& node, Operands in);
TensorType infer_cast(const Node& node, Operands in);
TensorType infer_clip(const Node& node, Operands in);
TensorType infer_where(const Node& node, Operands in);
TensorType infer_quantize(const Node& node, Operands in);
TensorType infer_norm(const Node& node, Operands in);
TensorType infer_group_norm(const Node& node, Operands in);
TensorType infer_softmax(const Node& node, Operands in);
TensorType infer_reduce(const Node& node, Operands in);
TensorType infer_arg(const Node& node, Operands in);
TensorType infer_cum_sum(const Node& node, Operands in);
void infer_top_k(const Node& node, Operands in, std::span<TensorType> results);
// infer_windows.cpp
TensorType infer_conv(const Node& node, Operands in);
TensorType infer_depthwise(const Node& node, Operands in);
TensorType infer_pool(const Node& node, Operands in);
TensorType infer_resize(const Node& node, Operands in);
// infer_movement.cpp
TensorType infer_reshape(const Node& node, Operands in);
TensorType infer_reshape_like(const Node& node, Operands in);
TensorType infer_squeeze(const Node& node, Operands in);
TensorType infer_unsqueeze(const Node& node, Operands in);
TensorType infer_transpose(const Node& node, Operands in);
TensorType infer_slice(const Node& node, Operands in);
TensorType infer_concat(const Node& node, Operands in);
void infer_split(const Node& node, Operands in, std::span<TensorType> results);
TensorType infer_pad(const Node& node, Operands in);
TensorType infer_gather(const Node& node, Operands in);
TensorType infer_gather_elements(const Node& node, Operands in);
TensorType infer_scatter_nd(const Node& node, Operands in);
TensorType infer_expand(const Node& node, Operands in);
TensorType infer_tile(const Node& node, Operands in);
TensorType infer_shape(const Node& node, Operands in);
TensorType infer_range(const Node& node, Operands in);
TensorType infer_constant_of_shape(const Node& node, Operands in);
void infer_foreign(const Node& node, Operands in, std::span<TensorType> results);
// infer_quantized.cpp
/// So many products of a code and a weight, at most 255 * 128, fit a sum of 32 bits.
inline constexpr int64_t kMostQuantizedTerms = (int64_t{1} << 31) / (255 * 128);
TensorType infer_quantized_linear(const Node& node, Operands in);
TensorType infer_quantized_conv(const Node& node, Operands in);
// infer_fused.cpp
TensorType infer_attention(const Node& node, Operands in);
TensorType infer_attention_block(const Node& node, Operands in);
TensorType infer_mlp(const Node& node, Operands in);
TensorType infer_local_mixer(const Node& node, Operands in);

/// What is known of the elements of a node's first result.
inline Contents known_contents(const Node& node, Operands in, const TensorType& result) {
  const auto known = op_info(node.kind).known;
  return known ? known(node, in, result) : std::nullopt;
}

// What is known of the elements of a result (contents.cpp). An op without a rule: nothing.
Contents known_copy(const Node& node, Operands in, const TensorType& result);
Contents known_unary(const Node& node, Operands in, const TensorType& result);
Contents known_binary(const Node& node, Operands in, const TensorType& result);
Contents known_compare(const Node& node, Operands in, const TensorType& result);
Contents known_where(const Node& node, Operands in, const TensorType& result);
Contents known_reduce(const Node& node, Operands in, const TensorType& result);
Contents known_transpose(const Node& node, Operands in, const TensorType& result);
Contents known_slice(const Node& node, Operands in, const TensorType& result);
Contents known_concat(const Node& node, Operands in, const TensorType& result);
Contents known_gather(const Node& node, Operands in, const TensorType& result);
Contents known_expand(const Node& node, Operands in, const TensorType& result);
Contents known_shape(const Node& node, Operands in, const TensorType& result);
Contents known_range(const Node& node, Operands in, const TensorType& result);
Contents known_fill(const Node& node, Operands in, const TensorType& result);

}  // namespace vitro
