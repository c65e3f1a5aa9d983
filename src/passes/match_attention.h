#pragma once

#include <array>
#include <string>

#include "passes/element_map.h"
#include "passes/pattern.h"

namespace vitro {

/// Where the heads of q, k or v lie in the value [n, tokens, width] that they are moved from: row
/// first + head * head_stride + i * stride of its last axis.
struct HeadRows {
  ValueId source = kAbsent;
  int64_t first = 0, head_stride = 0, stride = 0;
  int64_t row(int64_t head, int64_t i) const { return first + head * head_stride + i * stride; }
  bool operator==(const HeadRows&) const = default;
};

/// What is added to the scores on their way to the softmax.
struct ScoreAddend {
  ValueId value = kAbsent;
  ValueId sum = kAbsent;  ///< of the scores, whose extents say how it broadcasts
};

struct AttentionMatch {
  std::array<HeadRows, 3> parts;  ///< q, k and v
  std::vector<ScoreAddend> addends;
  int64_t heads = 1, head_dim = 1;
  float scale = 1.0f;
  /// The value that has the elements of [n, tokens, heads * head_dim], if there is one with these
  /// extents.
  ValueId context = kAbsent;
  Ints view;  ///< of the reshape from there to the context; empty: it has these extents
};

/// The extents of an addend as those of attention's bias, [images, heads, tokens, tokens], each of
/// the last three perhaps 1.
Dims bias_dims(const Dims& addend, const Dims& sum);

/// Finds attention around a softmax, in whatever way its heads are split and merged.
class AttentionMatcher {
 public:
  explicit AttentionMatcher(const Matcher& matcher)
      : matcher_(matcher), graph_(matcher.graph()), extents_(matcher.graph()) {}

  /// Nothing when a condition fails, which miss() then tells with its values.
  std::optional<AttentionMatch> match(const Node& softmax);
  /// Empty where there is no product on both sides of the softmax: it is not about attention.
  const std::string& miss() const { return miss_; }

 private:
  /// A value as elements of another one, times a number; a map for each shape.
  struct Traced {
    ValueId source;
    double scale = 1.0;
    std::vector<ElementMap> maps;
  };
  Traced trace(ValueId id) const;
  const Node* match_scores(ValueId id, AttentionMatch& match);
  bool match_addend(const ScoreAddend& addend, const AttentionMatch& match);
  bool match_part(ValueId operand, bool is_transposed, size_t part, AttentionMatch& match,
                  double& scale);
  bool find_heads(const Node& scores, const Node& context, AttentionMatch& match);
  bool find_view(AttentionMatch& match);
  ValueId find_merged(ValueId context, const AttentionMatch& match) const;
  bool is_merged(const ElementMap& map, size_t shape, ValueId id, ValueId context,
                 const AttentionMatch& match) const;
  const Dims& dims(size_t shape, ValueId id) const { return extents_.dims(shape, id); }
  template <typename... Args>
  bool no(fmt::format_string<Args...> format, Args&&... args) {
    miss_ = fmt::format(format, std::forward<Args>(args)...);
    return false;
  }

  const Matcher& matcher_;
  const Graph& graph_;
  Extents extents_;
  std::string miss_;
};

}  // namespace vitro
