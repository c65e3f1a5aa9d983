#include "vitro/session.h"

#include <deque>

#include "capi/plan.h"
#include "capi/status.h"
#include "capi/tensor.h"
#include "runtime/engine.h"
#include "runtime/internals.h"

using namespace vitro::capi;

namespace {

/// An IoInfo and the C struct that points into it.
struct IoEntry {
  explicit IoEntry(vitro::IoInfo from) : info(std::move(from)) {
    for (const vitro::DimRange& range : info.dims)
      ranges.push_back({range.name.c_str(), range.min, range.max, range.multiple});
    c_info = {info.name.c_str(), dtype_to_c(info.dtype), static_cast<int32_t>(ranges.size()),
              ranges.data()};
  }
  IoEntry(const IoEntry&) = delete;
  IoEntry& operator=(const IoEntry&) = delete;

  vitro::IoInfo info;
  std::vector<vitro_dim_range> ranges{};
  vitro_io_info c_info{};
};
using IoEntries = std::deque<IoEntry>;  // they stay where they are

IoEntries io_entries(std::span<const vitro::IoInfo> infos) {
  IoEntries entries;
  for (const vitro::IoInfo& info : infos) entries.emplace_back(info);
  return entries;
}

const vitro_io_info* entry_at(const IoEntries& entries, size_t index, const char* what) {
  vitro::check(index < entries.size(), vitro::ErrorCode::NotFound, "{} {}, the model has {}", what,
               index, entries.size());
  return &entries[index].c_info;
}

/// The views in the order of the entries, each of which must be named once.
std::vector<vitro::TensorView> in_order(const IoEntries& entries, const char* const* names,
                                        const vitro_view* views, size_t count, const char* what) {
  std::vector<vitro::TensorView> given = views_from_c(views, count, what);
  std::vector<vitro::TensorView> ordered(entries.size());
  std::vector<bool> seen(entries.size());
  for (size_t i = 0; i < count; ++i) {
    const std::string_view name = required_text((&required(names, "names"))[i], "a name");
    size_t at = 0;
    while (at < entries.size() && entries[at].info.name != name) ++at;
    vitro::check(at < entries.size(), vitro::ErrorCode::NotFound,
                 "the model has no '{}' among its "
                 "{}",
                 name, what);
    vitro::check(!seen[at], vitro::ErrorCode::InvalidArgument, "'{}' is given twice", name);
    seen[at] = true;
    ordered[at] = std::move(given[i]);
  }
  for (size_t at = 0; at < entries.size(); ++at)
    vitro::check(seen[at], vitro::ErrorCode::InvalidArgument, "'{}' is missing from the {}",
                 entries[at].info.name, what);
  return ordered;
}

vitro::Precision precision_named(const char* name) {
  const auto precision = vitro::parse_precision(name);
  vitro::check(precision.has_value(), vitro::ErrorCode::InvalidArgument,
               "session: precision '{}', expected fp32, tf32, fp16 or bf16", name);
  return *precision;
}

}  // namespace

struct vitro_session {
  vitro_session(const vitro::Plan& plan, const vitro::SessionOptions& options)
      : session(plan, options),
        inputs(io_entries(session.inputs())),
        outputs(io_entries(session.outputs())) {}

  vitro::Session session;
  IoEntries inputs, outputs;
};

extern "C" {

vitro_code vitro_session_create(const vitro_plan* plan, const vitro_session_options* options,
                                vitro_session** session) {
  return guarded_result(session, "session", [&] {
    const vitro_session_options given = read_options(options, "vitro_session_options");
    vitro::SessionOptions chosen;
    if (given.backend != nullptr) chosen.backend = given.backend;
    chosen.threads = given.threads;
    chosen.streams = given.streams;
    if (given.fallback != nullptr) chosen.fallback = given.fallback;
    chosen.device = given.device;
    if (given.precision != nullptr) chosen.precision = precision_named(given.precision);
    chosen.max_memory = given.max_memory;
    return new vitro_session(required(plan, "plan").plan, chosen);
  });
}

void vitro_session_free(vitro_session* session) { delete session; }

vitro_code vitro_session_backend(const vitro_session* session, const char** name) {
  return guarded_result(name, "name",
                        [&] { return required(session, "session").session.backend(); });
}

vitro_code vitro_session_num_inputs(const vitro_session* session, size_t* count) {
  return guarded_result(count, "count", [&] { return required(session, "session").inputs.size(); });
}

vitro_code vitro_session_num_outputs(const vitro_session* session, size_t* count) {
  return guarded_result(count, "count",
                        [&] { return required(session, "session").outputs.size(); });
}

vitro_code vitro_session_input(const vitro_session* session, size_t index,
                               const vitro_io_info** info) {
  return guarded_result(
      info, "info", [&] { return entry_at(required(session, "session").inputs, index, "input"); });
}

vitro_code vitro_session_output(const vitro_session* session, size_t index,
                                const vitro_io_info** info) {
  return guarded_result(info, "info", [&] {
    return entry_at(required(session, "session").outputs, index, "output");
  });
}

vitro_code vitro_session_prepare(const vitro_session* session, const vitro_view* inputs,
                                 size_t num_inputs) {
  return guarded([&] {
    vitro::Internals::engine(required(session, "session").session)
        .prepare(views_from_c(inputs, num_inputs, "inputs"));
  });
}

vitro_code vitro_session_run(const vitro_session* session, const vitro_view* inputs,
                             size_t num_inputs, const vitro_view* outputs, size_t num_outputs) {
  return guarded([&] {
    required(session, "session")
        .session.run(views_from_c(inputs, num_inputs, "inputs"),
                     views_from_c(outputs, num_outputs, "outputs"));
  });
}

vitro_code vitro_session_run_with(const vitro_session* session, const vitro_view* inputs,
                                  size_t num_inputs, const vitro_view* outputs, size_t num_outputs,
                                  const vitro_run_options* options) {
  return guarded([&] {
    const vitro_run_options given = read_options(options, "vitro_run_options");
    vitro::RunOptions chosen;
    chosen.stream = given.stream;
    required(session, "session")
        .session.run(views_from_c(inputs, num_inputs, "inputs"),
                     views_from_c(outputs, num_outputs, "outputs"), chosen);
  });
}

vitro_code vitro_session_run_named(const vitro_session* session, const char* const* input_names,
                                   const vitro_view* inputs, size_t num_inputs,
                                   const char* const* output_names, const vitro_view* outputs,
                                   size_t num_outputs) {
  return guarded([&] {
    const vitro_session& s = required(session, "session");
    s.session.run(in_order(s.inputs, input_names, inputs, num_inputs, "inputs"),
                  in_order(s.outputs, output_names, outputs, num_outputs, "outputs"));
  });
}

vitro_code vitro_session_run_tensors(const vitro_session* session,
                                     const vitro_tensor* const* inputs, size_t num_inputs,
                                     vitro_tensor** outputs, size_t num_outputs) {
  return guarded([&] {
    const vitro_session& s = required(session, "session");
    vitro::check(num_outputs == s.outputs.size(), vitro::ErrorCode::InvalidArgument,
                 "session: {} outputs, the model has {}", num_outputs, s.outputs.size());
    required(outputs, "outputs");
    std::vector<vitro::Tensor> from;
    for (size_t i = 0; i < num_inputs; ++i)
      from.push_back(required((&required(inputs, "inputs"))[i], "an input").tensor);
    std::vector<std::unique_ptr<vitro_tensor>> made;
    for (vitro::Tensor& tensor : s.session.run(from))
      made.push_back(std::make_unique<vitro_tensor>(vitro_tensor{std::move(tensor)}));
    for (size_t i = 0; i < made.size(); ++i) outputs[i] = made[i].release();
  });
}

}  // extern "C"
