#include <algorithm>

#include "frontend/onnx/table.h"

// Ops with graphs, which are imported in place.
namespace vitro::onnx {
namespace {

constexpr int64_t kMostTrips = 4096;

/// The one element of a value that does not depend on inputs.
std::optional<int64_t> known_scalar(Call& call, ValueId id) {
  const auto& constant = call.builder().value(id).constant;
  const auto values = constant ? contents_of(*constant) : std::nullopt;
  return values && values->size() == 1 ? std::optional((*values)[0]) : std::nullopt;
}

ValueId constant_scalar(Call& call, const std::string& name, int64_t value, DType dtype) {
  return call.importer().constant(name, make_constant({}, {&value, 1}, dtype));
}

/// What the trips gave, along a new axis.
ValueId stacked(Call& call, Results list, int64_t axis, bool backwards) {
  if (list.empty()) call.unsupported("without a trip, with a list of results");
  const auto rank = static_cast<int64_t>(call.dims_of(list[0]).size()) + 1;
  axis = call.axis(axis, rank);
  for (ValueId& id : list) id = call.unsqueeze(id, {axis});
  if (backwards) std::reverse(list.begin(), list.end());
  return call.op(OpKind::Concat, AxisAttrs{axis}, list);
}

}  // namespace

Results import_if(Call& call) {
  const Graph* then_branch = call.graph("then_branch");
  const Graph* else_branch = call.graph("else_branch");
  const auto condition = call.known_ints(0);
  if (!condition || condition->size() != 1)
    call.unsupported("its condition depends on the input, expected a constant");
  const Graph& taken = (*condition)[0] != 0 ? *then_branch : *else_branch;
  return call.importer().inlined(taken, call.scope(), call.source());
}

/// The body again and again, as often as constants say.
Results import_loop(Call& call) {
  const Graph& body = *call.graph("body");
  const auto trips = call.has(0) ? call.known_ints(0) : std::optional(Ints{kMostTrips + 1});
  const auto first = call.has(1) ? call.known_ints(1) : std::optional(Ints{1});
  if (!trips || trips->size() != 1 || !first || first->size() != 1)
    call.unsupported("its trip count or condition depends on the input, expected constants");
  const size_t num_carried = call.num_inputs() - std::min<size_t>(call.num_inputs(), 2);
  if (body.inputs.size() != num_carried + 2 || body.outputs.size() < num_carried + 1)
    call.invalid(fmt::format("{} inputs and {} outputs of the body for {} values",
                             body.inputs.size(), body.outputs.size(), num_carried));
  Results carried;
  for (size_t i = 0; i < num_carried; ++i) carried.push_back(call.in(i + 2));
  std::vector<Results> scanned(body.outputs.size() - num_carried - 1);
  bool goes_on = (*first)[0] != 0;
  for (int64_t trip = 0; goes_on && trip < (*trips)[0]; ++trip) {
    if (trip >= kMostTrips) call.unsupported(fmt::format("more than {} trips", kMostTrips));
    const std::string source = fmt::format("{}/{}", call.source(), trip);
    Results given{constant_scalar(call, source + ".trip", trip, DType::Int64),
                  constant_scalar(call, source + ".goes_on", 1, DType::Bool)};
    given.insert(given.end(), carried.begin(), carried.end());
    const Results results = call.importer().inlined(body, call.scope(), source, given);
    if (results.empty()) return {};  // a node of the body is not supported
    const auto condition = known_scalar(call, results[0]);
    if (!condition) call.unsupported("its condition depends on the input, expected a constant");
    goes_on = *condition != 0;
    for (size_t i = 0; i < num_carried; ++i) carried[i] = results[i + 1];
    for (size_t i = 0; i < scanned.size(); ++i) scanned[i].push_back(results[num_carried + 1 + i]);
  }
  for (const Results& list : scanned) carried.push_back(stacked(call, list, 0, false));
  return carried;
}

namespace {

/// The values that a Scan goes through, or makes: along which axis, and from which end.
struct ScanLists {
  Ints axes, backwards;
};

ScanLists scan_lists(Call& call, const char* axes, const char* directions, size_t count) {
  ScanLists lists{call.integers(axes).value_or(Ints(count, 0)),
                  call.integers(directions).value_or(Ints(count, 0))};
  if (lists.axes.size() != count || lists.backwards.size() != count)
    call.invalid(fmt::format("{} {} and {} {} for {} values", lists.axes.size(), axes,
                             lists.backwards.size(), directions, count));
  return lists;
}

/// How often the body of a Scan runs; makes its axes count from 0 up.
int64_t trips_of(Call& call, size_t num_carried, ScanLists& lists) {
  std::optional<int64_t> trips;
  for (size_t i = 0; i < lists.axes.size(); ++i) {
    const size_t operand = num_carried + i;
    lists.axes[i] = call.axis(lists.axes[i], call.rank(operand));
    if (!call.is_fixed(operand, static_cast<size_t>(lists.axes[i])))
      call.unsupported("its trip count depends on extents that are open, expected fixed ones");
    const int64_t extent = call.dims(operand)[static_cast<size_t>(lists.axes[i])];
    if (trips.value_or(extent) != extent)
      call.invalid(fmt::format("it goes through {} and {} values", *trips, extent));
    trips = extent;
  }
  if (*trips > kMostTrips) call.unsupported(fmt::format("more than {} trips", kMostTrips));
  return *trips;
}

}  // namespace

/// The body again and again, each time with the next slices of some operands.
Results import_scan(Call& call) {
  const Graph& body = *call.graph("body");
  const int64_t count = call.integer("num_scan_inputs");
  const size_t num_inputs = call.num_inputs();
  if (count < 1 || static_cast<size_t>(count) > num_inputs)
    call.invalid(fmt::format("num_scan_inputs is {} of {} inputs", count, num_inputs));
  const size_t num_carried = num_inputs - static_cast<size_t>(count);
  if (body.inputs.size() != num_inputs || body.outputs.size() < num_carried)
    call.invalid(
        fmt::format("{} inputs and {} outputs of the body for {} operands, {} of them kept",
                    body.inputs.size(), body.outputs.size(), num_inputs, num_carried));
  ScanLists in =
      scan_lists(call, "scan_input_axes", "scan_input_directions", static_cast<size_t>(count));
  std::vector<Results> scanned(body.outputs.size() - num_carried);
  const ScanLists out =
      scan_lists(call, "scan_output_axes", "scan_output_directions", scanned.size());
  const int64_t trips = trips_of(call, num_carried, in);
  Results carried;
  for (size_t i = 0; i < num_carried; ++i) carried.push_back(call.in(i));
  for (int64_t trip = 0; trip < trips; ++trip) {
    Results given = carried;
    for (size_t i = 0; i < in.axes.size(); ++i) {
      const int64_t at = in.backwards[i] != 0 ? trips - 1 - trip : trip;
      const ValueId slice =
          call.op(OpKind::Slice, slice_of(in.axes[i], at, at + 1), {call.in(num_carried + i)});
      given.push_back(call.squeeze(slice, {in.axes[i]}));
    }
    const Results results = call.importer().inlined(
        body, call.scope(), fmt::format("{}/{}", call.source(), trip), given);
    if (results.empty()) return {};  // a node of the body is not supported
    for (size_t i = 0; i < num_carried; ++i) carried[i] = results[i];
    for (size_t i = 0; i < scanned.size(); ++i) scanned[i].push_back(results[num_carried + i]);
  }
  for (size_t i = 0; i < scanned.size(); ++i)
    carried.push_back(stacked(call, scanned[i], out.axes[i], out.backwards[i] != 0));
  return carried;
}

}  // namespace vitro::onnx
