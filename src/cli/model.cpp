#include "cli/model.h"

#include <nlohmann/json.hpp>
#include <set>

#include "cli/model_info.h"
#include "core/check.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "frontend/checkpoint/settings.h"
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

Plan open_model(const std::filesystem::path& model, const BuildOptions& options) {
  OpenedModel opened = open_plan(model, options);
  for (const std::string& note : opened.notes) log_warning("{}", printable(note));
  return std::move(opened.plan);
}

void warn_of_guess(const Plan& plan) {
  if (const auto note = guess_note(plan.classifier())) log_warning("{}", *note);
}

Dims input_dims(const Plan& plan, int64_t batch, std::optional<Size> size) {
  Dims dims = default_dims(Internals::data(plan).graph, batch);
  if (!size) return dims;
  check(dims.size() == 4, ErrorCode::InvalidArgument,
        "size {}x{}: the input is {}, expected images [batch, channels, height, width]",
        size->height, size->width, to_string(dims));
  dims[2] = size->height;
  dims[3] = size->width;
  return dims;
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

void prepare_checked(const Session& session, const Dims& dims, int streams) {
  if (runs_on_host(session)) warn_of_crowding(session.threads() * streams);
  session.prepare(dims);
  check_memory(4.0 * static_cast<double>(num_elements(dims)) +
                   static_cast<double>(session.arena_bytes(dims)) * streams,
               dims);
}

std::string execution_text(const Session& session) {
  return fmt::format(
      "{}, {}", session.backend(),
      runs_on_host(session) ? threads_text(session.threads()) : to_string(session.precision()));
}

std::optional<FallbackUse> fallback_use(const Session& session, const Dims& dims) {
  return Internals::engine(session).fallback_use(*Internals::engine(session).program(dims));
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
