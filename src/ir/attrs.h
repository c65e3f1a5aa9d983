#pragma once

#include <string>
#include <variant>

#include "ir/attrs_compute.h"
#include "ir/attrs_movement.h"

namespace vitro {

/// Element type and extents of a value.
struct TensorType {
  DType dtype = DType::Float32;
  Dims dims;
  bool operator==(const TensorType&) const = default;
};

/// foreign: an op that Vitro does not know, carried from one file to another.
struct ForeignAttrs {
  std::string domain, name;
  std::vector<std::byte> attributes;  ///< as the file has them
  std::vector<TensorType> results;    ///< as the file declares them
  bool operator==(const ForeignAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("domain", s.domain, std::string{});
    visit("name", s.name);
    visit("attributes", s.attributes);
    visit("results", s.results);
  }
};

/// attention: qkv [n, tokens, 3 * heads * head_dim], packed in the order [3, heads, head_dim], and
/// perhaps a bias [m, heads, tokens, tokens] of the scores: image i has that of i % m.
struct AttentionAttrs {
  int64_t heads = 1;
  int64_t head_dim = 1;
  float scale = 1.0f;
  bool operator==(const AttentionAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("heads", s.heads);
    visit("head_dim", s.head_dim);
    visit("scale", s.scale);
  }
};

/// attention_block: x + proj(attention(qkv(layer_norm(x)))).
struct AttentionBlockAttrs {
  int64_t heads = 1;
  int64_t head_dim = 1;
  float scale = 1.0f;
  float eps = 1e-6f;
  bool operator==(const AttentionBlockAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("heads", s.heads);
    visit("head_dim", s.head_dim);
    visit("scale", s.scale);
    visit("eps", s.eps);
  }
};

/// mlp: x + fc2(gelu(fc1(x'))) with x' = layer_norm(x) or x.
struct MlpAttrs {
  bool layer_norm = false;
  float eps = 1e-6f;
  bool operator==(const MlpAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("layer_norm", s.layer_norm);
    visit("eps", s.eps);
  }
};

using AnyAttrs =
    std::variant<std::monostate, UnaryAttrs, BinaryAttrs, CompareAttrs, ReduceAttrs, ArgAttrs,
                 PoolAttrs, ConvAttrs, Conv2dAttrs, NormAttrs, GroupNormAttrs, MatMulAttrs,
                 SoftmaxAttrs, AxisAttrs, GatherAttrs, SplitAttrs, TopKAttrs, CumSumAttrs,
                 ReshapeAttrs, AxesAttrs, TransposeAttrs, SliceAttrs, PadAttrs, DimsAttrs,
                 FillAttrs, CastAttrs, ResizeAttrs, QuantizeAttrs, ForeignAttrs, AttentionAttrs,
                 AttentionBlockAttrs, MlpAttrs>;

/// The attributes of a node: a variant whose copies and destruction, which are much code for so
/// many alternatives, are compiled once.
class Attrs : public AnyAttrs {
 public:
  using AnyAttrs::AnyAttrs;
  Attrs() noexcept;
  Attrs(const Attrs& other);
  Attrs(Attrs&& other) noexcept;
  Attrs& operator=(const Attrs& other);
  Attrs& operator=(Attrs&& other) noexcept;
  ~Attrs();
};

/// Calls visit(name, field) or visit(name, field, usual value) for each field of the attributes.
template <typename AttrsRef, typename Visitor>
void visit_fields(AttrsRef& attrs, Visitor&& visit) {
  std::visit(
      [&](auto& alternative) {
        using A = std::remove_const_t<std::remove_reference_t<decltype(alternative)>>;
        if constexpr (!std::is_same_v<A, std::monostate>) A::fields(alternative, visit);
      },
      attrs);
}

}  // namespace vitro
