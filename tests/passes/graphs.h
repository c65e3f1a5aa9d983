#pragma once

#include <ostream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "ir/builder.h"

namespace vitro::test {

/// Small graphs with seeded weights, written as a model is.
class GraphMaker {
 public:
  /// "x", then "x1", "x2", ...
  ValueId input(Dims dims) {
    const int index = num_inputs_++;
    return builder_.input(index == 0 ? "x" : "x" + std::to_string(index), std::move(dims));
  }
  const Dims& dims(ValueId id) const { return builder_.dims(id); }

  /// Uniform in [low, high).
  ValueId weight(const std::string& name, const Dims& dims, float low = -1.0f, float high = 1.0f) {
    auto [constant, dst] = allocate_floats(dims);
    for (float& value : dst)
      value = low + (high - low) * static_cast<float>(random_() % 1024) / 1024;
    return builder_.constant(name, constant);
  }
  ValueId scalar(const std::string& name, float value) {
    return builder_.constant(name, make_constant({1}, {&value, 1}));
  }
  ValueId constant(const std::string& name, Constant constant) {
    return builder_.constant(name, std::move(constant));
  }
  /// A position, int64 [].
  ValueId index(int64_t value) {
    const std::vector<int64_t> values{value};
    return builder_.constant("index" + std::to_string(value), make_constant({}, values));
  }
  ValueId op(UnaryFunction function, ValueId x, const std::string& source) {
    return builder_.op(function, x, source);
  }
  ValueId op(BinaryFunction function, ValueId a, ValueId b, const std::string& source) {
    return builder_.op(function, a, b, source);
  }
  ValueId op(OpKind kind, Attrs attrs, std::vector<ValueId> inputs, const std::string& source) {
    return builder_.op(kind, std::move(attrs), std::move(inputs), source);
  }

  ValueId linear(ValueId x, const std::string& name, int64_t out, bool bias = true) {
    std::vector<ValueId> in{x, weight(name + ".weight", {out, dims(x).back()})};
    if (bias) in.push_back(weight(name + ".bias", {out}));
    return op(OpKind::Linear, {}, std::move(in), name);
  }
  ValueId depthwise(ValueId x, const std::string& name, int64_t kernel, bool bias = true) {
    const int64_t c = dims(x).back(), pad = kernel / 2;
    return depthwise(x, name, {kernel, kernel, c}, {{1, 1}, {pad, pad, pad, pad}}, bias);
  }
  ValueId depthwise(ValueId x, const std::string& name, const Dims& kernel,
                    const Conv2dAttrs& attrs, bool bias = true) {
    std::vector<ValueId> in{x, weight(name + ".weight", kernel)};
    if (bias) in.push_back(weight(name + ".bias", {kernel[2]}));
    return op(OpKind::DepthwiseConv2d, attrs, std::move(in), name);
  }
  ValueId conv(ValueId x, const std::string& name, int64_t out, int64_t kernel, int64_t stride,
               int64_t pad, bool bias = true) {
    std::vector<ValueId> in{x, weight(name + ".weight", {out, kernel, kernel, dims(x).back()})};
    if (bias) in.push_back(weight(name + ".bias", {out}));
    return op(OpKind::Conv, ConvAttrs{{stride, stride}, {}, {pad, pad}, {pad, pad}}, std::move(in),
              name);
  }
  ValueId batch_norm(ValueId x, const std::string& name) {
    const Dims c{dims(x).back()};
    const ValueId scale = weight(name + ".weight", c, 0.5f, 1.5f),
                  shift = weight(name + ".bias", c);
    const ValueId mean = weight(name + ".running_mean", c);
    return op(OpKind::BatchNorm, NormAttrs{1e-5f},
              {x, scale, shift, mean, weight(name + ".running_var", c, 0.5f, 1.5f)}, name);
  }
  ValueId layer_norm(ValueId x, const std::string& name, bool affine = true) {
    const Dims c{dims(x).back()};
    if (!affine) return op(OpKind::LayerNorm, NormAttrs{1e-6f}, {x}, name);
    const ValueId scale = weight(name + ".weight", c, 0.5f, 1.5f);
    return op(OpKind::LayerNorm, NormAttrs{1e-6f}, {x, scale, weight(name + ".bias", c)}, name);
  }
  ValueId gelu(ValueId x) { return op(UnaryFunction::Gelu, x, "gelu"); }
  ValueId add(ValueId a, ValueId b) { return op(BinaryFunction::Add, a, b, "add"); }
  ValueId mul(ValueId a, ValueId b) { return op(BinaryFunction::Mul, a, b, "mul"); }
  ValueId reduce(ReduceFunction function, ValueId x, std::vector<int64_t> axes) {
    return op(OpKind::Reduce, ReduceAttrs{function, std::move(axes)}, {x}, "pool");
  }
  ValueId tokens(ValueId x) {  // [n, h, w, c] -> [n, h * w, c]
    return op(OpKind::Reshape, ReshapeAttrs{{0, -1, dims(x).back()}}, {x}, "tokens");
  }

  ValueId heads(ValueId qkv, int64_t begin, int64_t head_dim) {
    const int64_t c = dims(qkv).back() / 3;
    const ValueId slice = op(OpKind::Slice, slice_of(2, begin, begin + c), {qkv}, "split");
    const ValueId split =
        op(OpKind::Reshape, ReshapeAttrs{{0, 0, c / head_dim, head_dim}}, {slice}, "split");
    return op(OpKind::Transpose, TransposeAttrs{{0, 2, 1, 3}}, {split}, "split");
  }
  ValueId merge(ValueId weights, ValueId v) {
    const ValueId context = op(OpKind::MatMul, MatMulAttrs{false}, {weights, v}, "context");
    const ValueId rows = op(OpKind::Transpose, TransposeAttrs{{0, 2, 1, 3}}, {context}, "merge");
    return op(OpKind::Reshape, ReshapeAttrs{{0, 0, dims(rows)[2] * dims(rows)[3]}}, {rows},
              "merge");
  }
  /// softmax(scale * q k^T) v in plain ops.
  ValueId attention(ValueId qkv, int64_t head_dim, float scale) {
    const int64_t c = dims(qkv).back() / 3;
    const ValueId q = heads(qkv, 0, head_dim), k = heads(qkv, c, head_dim);
    const ValueId v = heads(qkv, 2 * c, head_dim);
    ValueId scores = op(OpKind::MatMul, MatMulAttrs{true}, {q, k}, "scores");
    if (scale != 1.0f) scores = mul(scores, scalar("scale", scale));
    return merge(op(OpKind::Softmax, {}, {scores}, "softmax"), v);
  }

  Graph finish(std::vector<ValueId> outputs) { return builder_.finish(std::move(outputs)); }

 private:
  GraphBuilder builder_;
  int num_inputs_ = 0;
  std::mt19937 random_{7};
};

/// A graph that one pass changes; data/<name>.txt has its text before and after.
struct PassCase {
  const char* name;
  void (*pass)(Graph&);
  Graph (*make)();
};
inline void PrintTo(const PassCase& pass_case, std::ostream* out) { *out << pass_case.name; }

/// At least one for each pass of the pipeline.
std::span<const PassCase> pass_cases();

}  // namespace vitro::test
