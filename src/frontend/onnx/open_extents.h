#pragma once

#include <set>

#include "ir/builder.h"

namespace vitro::onnx {

/// What stays as it is by default, whatever the open extents of the inputs are: what nodes make at
/// some other values of these tells. Where the model takes no other value of one of them, nothing
/// is known to stay.
class OpenExtents {
 public:
  /// Of a graph whose inputs are all there, and no nodes yet.
  explicit OpenExtents(const vitro::Graph& graph);

  /// Notes the last node of the graph.
  void add_last(const vitro::Graph& graph);
  bool is_fixed(const GraphBuilder& builder, ValueId id, size_t axis) const;
  /// The elements of small integers, where they are known and stay.
  Contents fixed_contents(const GraphBuilder& builder, ValueId id) const;

 private:
  struct Trial {
    std::string extent;
    Inference at;
  };
  /// Whether all that differs from the default was tried.
  bool is_complete() const;

  std::set<std::string> names_;
  std::vector<Trial> trials_;  ///< those that the nodes so far take
};

}  // namespace vitro::onnx
