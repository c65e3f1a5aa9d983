#include "cli/model.h"

#include <nlohmann/json.hpp>
#include <set>

#include "cli/model_info.h"
#include "core/check.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "frontend/checkpoint/settings.h"
#include "frontend/onnx/import.h"
#include "measure/synthetic_input.h"
#include "measure/system_info.h"
#include "runtime/engine.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/open.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

bool runs_on_host(const Session& session) {
  return Internals::engine(session).backend().precision(Precision::Default) == Precision::Float32;
}

/// Once for each number.
void warn_of_crowding(int threads) {
  static std::set<int> warned;
  const int cores = available_cores();
  if (threads > cores && warned.insert(threads).second)
    log_warning("{} on {} core{}, which is what this process may use: they wait for each other",
                threads_text(threads), cores, cores == 1 ? "" : "s");
}

}  // namespace

Plan open_model(const CommonOptions& options) {
  apply_log_options(options);
  return open_model(options.model, options.build);
}

namespace {

/// The size of pictures that are run, whose height is that axis.
std::optional<Size> size_of(const RunShape& at, size_t height_axis) {
  if (at.shapes.empty()) return at.size;
  const Dims& dims = at.shapes.begin()->second;
  if (at.shapes.size() != 1 || dims.size() != 4) return std::nullopt;
  return Size{dims[height_axis], dims[height_axis + 1]};
}

}  // namespace

Plan open_model(const CommonOptions& options, const RunShape& at) {
  const bool has_size = at.size || !at.shapes.empty();
  if (!has_size || !options.build.input_shapes.empty() || !is_onnx_file(options.model))
    return open_model(options);
  const OpenSides open = open_sides(options.model);
  const std::optional<Size> size = size_of(at, open.height_axis);
  if (!size) return open_model(options);
  CommonOptions sized = options;
  if (open.height) sized.build.height = size->height;
  if (open.width) sized.build.width = size->width;
  return open_model(sized);
}

Plan open_model(const std::filesystem::path& model, const BuildOptions& options) {
  OpenedModel opened = open_plan(model, options);
  for (const std::string& note : opened.notes) log_warning("{}", printable(note));
  return std::move(opened.plan);
}

void warn_of_guess(const Plan& plan) {
  if (const auto note = guess_note(plan.classifier())) log_warning("{}", *note);
}

namespace {

bool varies(const IoInfo& info) {
  return !info.dims.empty() && info.dims[0].min < info.dims[0].max;
}

void expect_inputs(const ShapesByName& shapes, std::span<const IoInfo> inputs) {
  for (const auto& [name, dims] : shapes) {
    const auto has_name = [&, &wanted = name](const IoInfo& info) { return info.name == wanted; };
    if ((name.empty() && inputs.size() == 1) || std::ranges::any_of(inputs, has_name)) continue;
    std::string names;
    for (const IoInfo& info : inputs) names += (names.empty() ? "" : ", ") + info.name;
    fail(ErrorCode::NotFound, "the model has no input '{}', expected {}", name, names);
  }
}

}  // namespace

std::vector<Dims> run_dims(const Plan& plan, const RunShape& at) {
  const Graph& graph = Internals::data(plan).graph;
  const std::vector<IoInfo> inputs = input_infos(graph);
  check(!inputs.empty(), ErrorCode::Unsupported, "the model has no inputs, expected at least one");
  expect_inputs(at.shapes, inputs);
  std::vector<Dims> result;
  bool has_images = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Dims& dims = result.emplace_back(graph.value(graph.inputs[i].value).type.dims);
    const auto named = at.shapes.find(inputs[i].name), alone = at.shapes.find("");
    if (named != at.shapes.end() || alone != at.shapes.end()) {
      dims = named != at.shapes.end() ? named->second : alone->second;
      continue;
    }
    if (!dims.empty() && (inputs.size() == 1 || varies(inputs[i]))) dims[0] = at.batch;
    if (!at.size || dims.size() != 4) continue;
    has_images = true;
    const size_t height = height_axis(inputs[i]);
    dims[height] = at.size->height;
    dims[height + 1] = at.size->width;
  }
  check(!at.size || has_images, ErrorCode::InvalidArgument,
        "size {}x{}: the input is {}, expected images [batch, channels, height, width]",
        at.size->height, at.size->width, to_string(result.at(0)));
  return result;
}

Dims input_dims(const Plan& plan, int64_t batch, std::optional<Size> size) {
  default_dims(Internals::data(plan).graph, batch);  // throws for several inputs
  return run_dims(plan, {batch, size, {}})[0];
}

std::vector<Tensor> synthetic_inputs(const Session& session, std::span<const Dims> dims) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < dims.size(); ++i)
    inputs.push_back(synthetic_input(dims[i], session.inputs()[i].dtype));
  return inputs;
}

Dims picture_dims(const Plan& plan, int64_t batch) {
  const Preprocessing& preprocessing = plan.classifier().preprocessing;
  return input_dims(plan, batch, Size{preprocessing.height, preprocessing.width});
}

void check_memory(double needed, const Dims& dims) {
  const auto available = static_cast<double>(available_memory());
  if (available > 0 && needed > available)
    fail_hint(ErrorCode::OutOfMemory, "try a smaller batch or size",
              "input {} needs {} of memory, {} are available", to_string(dims), bytes_text(needed),
              bytes_text(available));
}

std::shared_ptr<const Executable> program_at(const Session& session, std::span<const Dims> dims) {
  std::vector<TensorView> views;
  for (size_t i = 0; i < dims.size(); ++i)
    views.push_back({nullptr, session.inputs()[i].dtype, dims[i], {}});
  return Internals::engine(session).program(views);
}

void prepare_checked(const Session& session, std::span<const Dims> dims, int streams) {
  if (runs_on_host(session)) warn_of_crowding(session.threads() * streams);
  session.prepare(dims);
  double bytes = static_cast<double>(program_at(session, dims)->memory().arena) * streams;
  for (size_t i = 0; i < dims.size(); ++i)
    bytes += static_cast<double>(num_elements(dims[i])) *
             static_cast<double>(dtype_size(session.inputs()[i].dtype));
  check_memory(bytes, dims.empty() ? Dims() : dims[0]);
}

void prepare_beside(const std::string& which, const Session& session, const Dims& dims,
                    const std::string& hint) {
  try {
    prepare_checked(session, {&dims, 1});
  } catch (const Error& error) {
    const bool is_unfit = error.code() == ErrorCode::InvalidArgument;
    throw Error(error.code(), fmt::format("{}: {}", which, error.what()),
                is_unfit ? hint : error.hint());
  }
}

std::string execution_text(const Session& session) {
  const std::string precision = to_string(session.precision());
  if (!runs_on_host(session)) return fmt::format("{}, {}", session.backend(), precision);
  const bool usual = session.precision() == Precision::Float32;
  return fmt::format("{}, {}{}", session.backend(), threads_text(session.threads()),
                     usual ? "" : ", " + precision);
}

std::optional<FallbackUse> fallback_use(const Session& session, std::span<const Dims> dims) {
  return Internals::engine(session).fallback_use(*program_at(session, dims));
}

Json fallback_json(const std::optional<FallbackUse>& use) {
  if (!use) return nullptr;
  Json refused = Json::array(), copies = Json::array();
  for (const RefusedOp& op : use->refused)
    refused.push_back({{"op", op.op}, {"source", op.source}, {"reason", op.reason}});
  for (const BorderCopy& copy : use->copies)
    copies.push_back({{"source", copy.source},
                      {"to", copy.to_fallback ? use->backend : use->asked},
                      {"dtype", dtype_name(copy.type.dtype)},
                      {"shape", copy.type.dims},
                      {"bytes", copy.bytes}});
  return {{"asked", use->asked},
          {"backend", use->backend},
          {"unavailable", use->unavailable.empty() ? Json(nullptr) : Json(use->unavailable)},
          {"pieces", use->pieces},
          {"fallback_pieces", use->fallback_pieces},
          {"copied_bytes", use->copied_bytes()},
          {"refused", refused},
          {"copies", copies}};
}

std::string precision_name(const Session& session) { return to_string(session.precision()); }

}  // namespace vitro::cli
