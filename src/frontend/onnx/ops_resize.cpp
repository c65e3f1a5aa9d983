#include <cmath>
#include <numeric>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

template <typename Enum>
Enum named(Call& call, const char* attribute, const std::string& name) {
  const auto names = enum_names(Enum{});
  for (size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<Enum>(i);
  call.unsupported(fmt::format("{} is {}", attribute, name));
}

/// Entries for all axes from those of some.
template <typename T>
std::vector<T> of_all_axes(Call& call, const std::vector<T>& given, const Ints& axes,
                           std::vector<T> all) {
  if (given.size() != axes.size())
    call.invalid(fmt::format("{} entries for {} axes", given.size(), axes.size()));
  for (size_t i = 0; i < axes.size(); ++i)
    all[static_cast<size_t>(call.axis(axes[i], call.rank(0)))] = given[i];
  return all;
}

/// Sizes that keep the ratio of the extents.
void keep_ratio(Call& call, const std::string& policy, const Ints& axes, Ints& sizes) {
  if (policy == "stretch") return;
  if (policy != "not_larger" && policy != "not_smaller")
    call.unsupported("keep_aspect_ratio_policy is " + policy);
  for (const int64_t axis : axes)
    if (!call.is_fixed(0, static_cast<size_t>(call.axis(axis, call.rank(0)))))
      call.unsupported("keep_aspect_ratio_policy of an input whose extents are open");
  double scale = policy == "not_larger" ? INFINITY : 0.0;
  const auto ratio = [&](size_t i) {
    return static_cast<double>(sizes[i]) /
           static_cast<double>(call.dims(0)[static_cast<size_t>(call.axis(axes[i], call.rank(0)))]);
  };
  for (size_t i = 0; i < sizes.size(); ++i)
    scale = policy == "not_larger" ? std::min(scale, ratio(i)) : std::max(scale, ratio(i));
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t extent = call.dims(0)[static_cast<size_t>(call.axis(axes[i], call.rank(0)))];
    sizes[i] = static_cast<int64_t>(std::floor(scale * static_cast<double>(extent) + 0.5));
  }
}

}  // namespace

Results import_resize(Call& call) {
  ResizeAttrs attrs;
  attrs.mode = named<ResizeMode>(call, "mode", call.text("mode", "nearest"));
  attrs.coordinates =
      named<ResizeCoordinates>(call, "coordinate_transformation_mode",
                               call.text("coordinate_transformation_mode", "half_pixel"));
  attrs.nearest =
      named<ResizeNearest>(call, "nearest_mode", call.text("nearest_mode", "round_prefer_floor"));
  attrs.cubic_a = call.number("cubic_coeff_a", -0.75f);
  attrs.exclude_outside = call.flag("exclude_outside", false);
  attrs.antialias = call.flag("antialias", false);
  call.ignore("extrapolation_value");  // of tf_crop_and_resize
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  const auto rank = static_cast<size_t>(call.rank(0));
  Ints axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (const auto given = call.integers("axes")) axes = *given;
  if (call.has(3) && !call.known(3)) {
    if (axes.size() != rank || policy != "stretch")
      call.unsupported("sizes of some axes that are computed");
    return {call.op(OpKind::Resize, attrs, {call.in(0), call.cast(call.in(3), DType::Int64)})};
  }
  const auto scales = call.has(2) ? call.numbers(2, "scales") : std::vector<double>{};
  if (!scales.empty()) {
    attrs.scales = of_all_axes(call, scales, axes, std::vector<double>(rank, 1.0));
    return {call.op(OpKind::Resize, attrs, {call.in(0)})};
  }
  Ints sizes = call.ints(3, "sizes");
  if (sizes.size() != axes.size())
    call.invalid(fmt::format("{} sizes for {} axes", sizes.size(), axes.size()));
  keep_ratio(call, policy, axes, sizes);
  if (axes.size() == rank || call.is_fixed(0)) {
    attrs.sizes = of_all_axes(call, sizes, axes, call.dims(0));
    return {call.op(OpKind::Resize, attrs, {call.in(0)})};
  }
  // The other extents are those of the operand.
  const ValueId shape = call.op(OpKind::Shape, {}, {call.in(0)});
  const Ints chosen = of_all_axes(call, sizes, axes, Ints(rank, -1));
  std::vector<ValueId> parts;
  for (size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<int64_t>(i);
    parts.push_back(chosen[i] >= 0 ? call.integers_of({chosen[i]})
                                   : call.op(OpKind::Slice, slice_of(0, axis, axis + 1), {shape}));
  }
  return {
      call.op(OpKind::Resize, attrs, {call.in(0), call.op(OpKind::Concat, AxisAttrs{0}, parts)})};
}

namespace {

Results resize_by(Call& call, const std::vector<double>& scales) {
  ResizeAttrs attrs;
  const std::string mode = call.text("mode", "nearest");
  attrs.mode = named<ResizeMode>(call, "mode", mode == "bilinear" ? "linear" : mode);
  attrs.coordinates = ResizeCoordinates::Asymmetric;
  attrs.nearest = ResizeNearest::Floor;
  attrs.scales = scales;
  return {call.op(OpKind::Resize, attrs, {call.in(0)})};
}

}  // namespace

Results import_resize_10(Call& call) { return resize_by(call, call.numbers(1, "scales")); }

Results import_upsample(Call& call) {
  if (call.opset() >= 9) return resize_by(call, call.numbers(1, "scales"));
  const auto scales = call.floats("scales");
  if (!scales) call.invalid("has no scales");
  return resize_by(call, {scales->begin(), scales->end()});
}

}  // namespace vitro::onnx
