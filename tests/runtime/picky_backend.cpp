#include "runtime/picky_backend.h"

#include "backends/host_lane.h"
#include "backends/host_program.h"
#include "backends/reference/reference_backend.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro::test {
namespace {

std::array<bool, kNumOpKinds> refuses;  // an ImplTable has no state of its own

ImplList picky_impls(OpKind kind) {
  return refuses[static_cast<size_t>(kind)] ? ImplList{} : reference_impls(kind);
}

class Picky final : public Backend {
 public:
  const char* name() const override { return "picky"; }
  std::string describe() const override { return name(); }
  std::string instruction_set() const override { return "scalar"; }
  Peaks peaks(const PeakRequest&) const override { return {}; }
  bool reaches(Device, int) const override { return true; }
  std::unique_ptr<Lane> make_lane(const LaneOptions& options) const override {
    return std::make_unique<HostLane>(options);
  }
  std::optional<Refusal> can_run(const OpContext& op) const override {
    return refusal_of(op, picky_impls);
  }
  std::unique_ptr<Executable> compile(const CompileRequest& request) const override {
    return make_host_executable(compile_program(request, picky_impls, name()));
  }
};

const Picky kPicky;

}  // namespace

PickyBackend::PickyBackend(std::initializer_list<OpKind> refused) {
  for (OpKind kind : refused) refuses[static_cast<size_t>(kind)] = true;
}

PickyBackend::~PickyBackend() { refuses = {}; }

const Backend& PickyBackend::backend() const { return kPicky; }

Session PickyBackend::session(const Plan& plan, const Backend& fallback,
                              SessionOptions options) const {
  const std::array<BackendRow, 3> rows{{{"picky", &kPicky, nullptr},
                                        {"missing", nullptr, "no such device"},
                                        {"cpu", &fallback, nullptr}}};
  if (options.backend == "auto") options.backend = "picky";
  return Internals::session(std::make_shared<Engine>(plan, options, rows));
}

Plan plan_of(Graph graph) {
  auto data = std::make_shared<PlanData>();
  data->graph = std::move(graph);
  return Internals::plan(std::move(data));
}

}  // namespace vitro::test
