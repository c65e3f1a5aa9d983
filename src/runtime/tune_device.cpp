#include <algorithm>
#include <array>
#include <utility>

#include "backends/backend.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "runtime/tune_schedule.h"

namespace vitro {
namespace {

constexpr double kSampleMilliseconds = 2;

/// The plan at one shape, twice. Each program has a lane of its own, whose memory the other one
/// cannot move.
class DeviceBench final : public ReplayBench {
 public:
  DeviceBench(const Plan& plan, const Backend& backend, const Dims& dims, TuneSchedule& schedule)
      : plan_(plan),
        backend_(backend),
        input_type_{input_types(Internals::data(plan).graph).at(0).dtype, dims},
        input_(tuning_input(input_type_)),
        schedule_(schedule),
        reserve_(schedule.reserve()) {
    for (Slot& slot : slots_) slot.lane = backend.make_lane({.device = schedule.options.device});
  }

  std::vector<TunableOp> prepare(size_t program, const TacticTable& tactics) override {
    const PlanData& data = Internals::data(plan_);
    const TuneOptions& options = schedule_.options;
    Slot& slot = slots_.at(program);
    slot.timer.reset();
    slot.context.reset();
    slot.executable = backend_.compile({data.graph,
                                        {&input_type_, 1},
                                        *data.cache,
                                        1,
                                        &tactics,
                                        backend_.precision(options.precision),
                                        options.device});
    slot.context = slot.executable->on(*slot.lane);
    const Tensor output(slot.executable->outputs()[0].dims);
    slot.context->run({&input_.view(), 1}, {&output.view(), 1}, nullptr);
    slot.timer = slot.context->timer();
    const double once = slot.timer->back_to_back(2);
    computations_ = std::max(2, static_cast<int>(kSampleMilliseconds / once));
    return slot.executable->tunables();
  }
  double run(size_t program) override {
    schedule_.count_run(kPlannedRuns);
    return 1000 * slots_.at(program).timer->back_to_back(computations_);
  }
  void keep() override { std::swap(slots_[0], slots_[1]); }
  double seconds_left() override { return schedule_.seconds_left() - reserve_; }

 private:
  // How many there will be is not known before: the time that is left decides about the progress.
  static constexpr int64_t kPlannedRuns = int64_t{1} << 20;
  struct Slot {
    std::unique_ptr<Lane> lane;
    std::unique_ptr<Executable> executable;
    std::unique_ptr<Context> context;
    std::unique_ptr<DeviceTimer> timer;
  };

  const Plan& plan_;
  const Backend& backend_;
  TensorType input_type_;
  Tensor input_;
  std::array<Slot, 2> slots_;
  TuneSchedule& schedule_;
  double reserve_;
  int computations_ = 2;
};

}  // namespace

TacticTable tune_on_device(const Plan& plan, const Backend& backend, int64_t batch,
                           TuneSchedule& schedule) {
  DeviceBench bench(plan, backend, default_dims(Internals::data(plan).graph, batch), schedule);
  return choose_in_turn(bench);
}

}  // namespace vitro
