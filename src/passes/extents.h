#pragma once

#include "ir/infer.h"

namespace vitro {

/// What is known of all values at several input shapes, the default one first: the corners of the
/// ranges that the graph accepts. What holds at all of them is taken to hold at every shape, as
/// run_pass() checks results.
class Extents {
 public:
  explicit Extents(const Graph& graph);

  const Inference& usual() const { return shapes_[0]; }
  const Inference& at(size_t shape) const { return shapes_[shape]; }
  size_t count() const { return shapes_.size(); }
  const Dims& dims(size_t shape, ValueId id) const {
    return shapes_[shape].types[static_cast<size_t>(id)].dims;
  }
  const Contents& contents(size_t shape, ValueId id) const {
    return shapes_[shape].contents[static_cast<size_t>(id)];
  }
  /// The same contents at all shapes; nothing when they are not known, or differ.
  Contents fixed_contents(ValueId id) const;
  bool is_fixed(ValueId id, size_t axis) const;
  /// 1 at all shapes.
  bool is_one(ValueId id, size_t axis) const;
  bool same_dims(ValueId a, ValueId b) const;

  /// Notes the results of a node that was made; throws what infer_results() does.
  void add(const Graph& graph, const Node& node);

 private:
  std::vector<Inference> shapes_;
};

/// Attributes of a reshape from one list of extents for each shape to another: an extent that is
/// copied from its position, one that never changes, and one that follows from the others. Nothing
/// when that does not tell all.
std::optional<Ints> reshape_dims(const std::vector<Dims>& from, const std::vector<Dims>& to);

}  // namespace vitro
