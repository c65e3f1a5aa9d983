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
    for (size_t i = 0; i < scanned.size(); ++i)
      scanned[i].push_back(call.unsqueeze(results[num_carried + 1 + i], {0}));
  }
  for (const Results& list : scanned) {
    if (list.empty()) call.unsupported("without a trip, with a list of results");
    carried.push_back(call.op(OpKind::Concat, AxisAttrs{0}, list));
  }
  return carried;
}

}  // namespace vitro::onnx
