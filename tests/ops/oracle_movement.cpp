#include <algorithm>
#include <cmath>

#include "ir/infer.h"
#include "ops/oracle_ops.h"

namespace vitro::oracle {

void transpose(const Node& node, const Arrays& in, Array& out) {
  const auto& perm = node.as<TransposeAttrs>().perm;
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    Dims from(to.size());
    for (size_t axis = 0; axis < to.size(); ++axis)
      from[static_cast<size_t>(perm[axis])] = to[axis];
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void slice(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<SliceAttrs>();
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    for (size_t k = 0; k < attrs.axes.size(); ++k) {
      int64_t& at = from[static_cast<size_t>(attrs.axes[k])];
      at = attrs.begins[k] + at * (attrs.steps.empty() ? 1 : attrs.steps[k]);
    }
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void concat(const Node& node, const Arrays& in, Array& out) {
  const auto axis = static_cast<size_t>(node.as<AxisAttrs>().axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    size_t operand = 0;
    while (from[axis] >= in[operand].dims[axis]) from[axis] -= in[operand++].dims[axis];
    out[i] = in[operand][position(from, in[operand].dims)];
  }
}

namespace {

/// Where a position outside of [0, extent) is found inside; step by step, as the words say it.
int64_t mirrored(int64_t at, int64_t extent) {
  while (at < 0 || at >= extent) at = at < 0 ? -at : 2 * (extent - 1) - at;
  return at;
}
int64_t wrapped(int64_t at, int64_t extent) {
  while (at < 0) at += extent;
  while (at >= extent) at -= extent;
  return at;
}

}  // namespace

void pad(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<PadAttrs>();
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    bool inside = true;
    for (size_t axis = 0; axis < from.size(); ++axis) {
      const int64_t extent = in[0].dims[axis];
      from[axis] -= attrs.begin[axis];
      inside = inside && from[axis] >= 0 && from[axis] < extent;
      if (attrs.mode == PadMode::Reflect) from[axis] = mirrored(from[axis], extent);
      if (attrs.mode == PadMode::Wrap) from[axis] = wrapped(from[axis], extent);
      if (attrs.mode == PadMode::Edge) from[axis] = std::clamp<int64_t>(from[axis], 0, extent - 1);
    }
    inside = inside || attrs.mode != PadMode::Constant;
    out[i] = inside ? in[0][position(from, in[0].dims)] : attrs.value;
  }
}

namespace {

int64_t index_of(double index, int64_t extent) {
  return static_cast<int64_t>(index < 0 ? index + static_cast<double>(extent) : index);
}

}  // namespace

void gather(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<GatherAttrs>();
  const int64_t batch = attrs.batch_dims, axis = attrs.axis;
  const auto places = static_cast<int64_t>(in[1].dims.size()) - batch;
  const int64_t extent = in[0].dims[static_cast<size_t>(axis)];
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    const auto first = to.begin() + axis, behind = first + places;
    Dims at(to.begin(), to.begin() + batch), from(to.begin(), first);
    at.insert(at.end(), first, behind);
    from.push_back(index_of(in[1][position(at, in[1].dims)], extent));
    from.insert(from.end(), behind, to.end());
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void gather_elements(const Node& node, const Arrays& in, Array& out) {
  const auto axis = static_cast<size_t>(node.as<AxisAttrs>().axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    from[axis] = index_of(in[1][i], in[0].dims[axis]);
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void scatter_nd(const Arrays& in, Array& out) {
  out.data = in[0].data;
  const int64_t count = in[1].dims.back(), updates = in[1].size() / count;
  const Dims lead(in[0].dims.begin(), in[0].dims.begin() + count);
  const int64_t run = in[0].size() / num_elements(lead);
  for (int64_t i = 0; i < updates; ++i) {
    Dims at;
    for (int64_t axis = 0; axis < count; ++axis)
      at.push_back(index_of(in[1][i * count + axis], lead[static_cast<size_t>(axis)]));
    for (int64_t j = 0; j < run; ++j) out[position(at, lead) * run + j] = in[2][i * run + j];
  }
}

void tile(const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    for (size_t axis = 0; axis < from.size(); ++axis) from[axis] %= in[0].dims[axis];
    out[i] = in[0][position(from, in[0].dims)];
  }
}

/// Of half pixels: the nearest one, half-way the lower one, or both neighbours by their distance.
void resize(const Node& node, const Arrays& in, Array& out) {
  const bool is_nearest = node.as<ResizeAttrs>().mode == ResizeMode::Nearest;
  const Dims& dims = in[0].dims;
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    Dims low(to.size());
    std::vector<double> share(to.size());  // of the neighbour above
    for (size_t axis = 0; axis < to.size(); ++axis) {
      const double scale = static_cast<double>(out.dims[axis]) / static_cast<double>(dims[axis]);
      const double at = (static_cast<double>(to[axis]) + 0.5) / scale - 0.5;
      low[axis] = static_cast<int64_t>(is_nearest ? std::ceil(at - 0.5) : std::floor(at));
      share[axis] = is_nearest ? 0.0 : at - std::floor(at);
    }
    for (int64_t corner = 0; corner < int64_t{1} << to.size(); ++corner) {
      Dims from = low;
      double weight = 1;
      for (size_t axis = 0; axis < to.size(); ++axis) {
        const bool above = corner >> axis & 1;
        weight *= above ? share[axis] : 1 - share[axis];
        from[axis] = std::clamp<int64_t>(low[axis] + above, 0, dims[axis] - 1);
      }
      out[i] += weight * in[0][position(from, dims)];
    }
  }
}

}  // namespace vitro::oracle
