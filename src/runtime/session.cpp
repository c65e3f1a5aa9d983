#include "vitro/session.h"

#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "backends/backend.h"
#include "core/aligned_memory.h"
#include "core/check.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "runtime/explain.h"
#include "runtime/observe.h"
#include "runtime/plan_data.h"
#include "runtime/team_pool.h"

namespace vitro {
namespace {

// A stream of ever new shapes must not fill the memory with compiled programs.
constexpr size_t kMaxShapes = 32;

/// What concurrent runs need one each of; a run takes one, or makes one when all are taken.
template <typename T>
class FreeList {
 public:
  template <typename Make>
  T take(const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        T taken = std::move(free_.back());
        free_.pop_back();
        return taken;
      }
    }
    return make();
  }
  void give_back(T returned) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(returned));
  }

 private:
  std::mutex mutex_;
  std::vector<T> free_;
};

/// A program for one shape and the arenas that its concurrent runs work in.
class CompiledShape {
 public:
  explicit CompiledShape(std::unique_ptr<Executable> executable)
      : executable_(std::move(executable)) {
    arenas_.give_back(allocate());
  }

  const Executable& executable() const { return *executable_; }

  void run(const std::byte* input, std::span<std::byte* const> outputs, ThreadTeam& team,
           RunObserver* observer) {
    auto arena = arenas_.take([this] { return allocate(); });
    executable_->run({&input, 1}, outputs, arena.get(), team, observer);
    arenas_.give_back(std::move(arena));
  }

 private:
  AlignedMemory allocate() const {
    return allocate_aligned(executable_->arena_bytes(), "an arena");
  }

  std::unique_ptr<Executable> executable_;
  FreeList<AlignedMemory> arenas_;
};

int resolve_threads(int threads) {
  check(threads >= 0 && threads <= kMaxThreads, ErrorCode::InvalidArgument,
        "session: {} threads, expected 1 to {} (or 0: one for each core)", threads, kMaxThreads);
  return threads == 0 ? available_cores() : threads;
}

int resolve_streams(int streams, int threads) {
  check(streams >= 0 && streams <= kMaxThreads, ErrorCode::InvalidArgument,
        "session: {} streams, expected 1 to {} (or 0: as many as fit on the cores)", streams,
        kMaxThreads);
  return streams == 0 ? std::max(1, available_cores() / threads) : streams;
}

TacticSetting tactic_setting(const Backend& backend, int threads) {
  return {backend.machine(), threads};
}

const TacticTable* find_tactics(const Tactics& tactics, const Backend& backend, int threads) {
  if (tactics.empty()) return nullptr;  // the name of the machine takes reading a file
  const auto found = tactics.find(tactic_setting(backend, threads));
  return found == tactics.end() ? nullptr : &found->second;
}

}  // namespace

struct Session::State {
  Plan plan;
  const Backend& backend;
  TeamPool teams;
  std::shared_mutex mutex{};
  std::map<Dims, std::shared_ptr<CompiledShape>> shapes{};
  std::deque<Dims> order{};  // of compilation: the oldest shape makes room
  const TacticTable* tactics = find_tactics(plan.data().tactics, backend, teams.threads());

  void run(CompiledShape& shape, const float* images, float* logits, RunObserver* observer) {
    std::byte* const outputs[] = {reinterpret_cast<std::byte*>(logits)};
    TeamPool::Lease lease(teams);
    shape.run(reinterpret_cast<const std::byte*>(images), outputs, lease.team(), observer);
  }

  std::shared_ptr<CompiledShape> compiled(const Dims& dims) {
    {
      const std::shared_lock lock(mutex);
      if (const auto found = shapes.find(dims); found != shapes.end()) return found->second;
    }
    check_input(dims);
    const TensorType input{DType::Float32, dims};
    auto made = std::make_shared<CompiledShape>(
        backend.compile(plan.data().graph, {&input, 1}, {teams.threads(), tactics}));
    log_dispatch(dims, made->executable());
    const std::unique_lock lock(mutex);
    if (const auto found = shapes.find(dims); found != shapes.end()) return found->second;
    if (order.size() >= kMaxShapes) {
      shapes.erase(order.front());
      order.pop_front();
    }
    order.push_back(dims);
    return shapes.emplace(dims, std::move(made)).first->second;
  }

  void log_dispatch(const Dims& dims, const Executable& executable) const {
    if (!log_enabled(LogTopic::Dispatch)) return;
    log_message(LogTopic::Dispatch,
                fmt::format("input {} on {}, threads: {}\n{}", to_string(dims), backend.name(),
                            executable.threads(), explain(executable)));
  }

  std::string explain(const Executable& executable) const {
    const Tactics& all = plan.data().tactics;
    const std::string text = dispatch_text(executable.dispatch());
    return all.empty() ? text
                       : text + tactics_text(all, tactic_setting(backend, teams.threads()),
                                             executable.dispatch());
  }

  void check_input(const Dims& dims) const {
    const Dims& expected = plan.data().graph.value(plan.data().graph.inputs[0].value).type.dims;
    check(dims.size() == 4 && dims[1] == expected[1], ErrorCode::InvalidArgument,
          "input {}: expected {} channels, as in {} (batch, channels, height, width)",
          to_string(dims), expected[1], to_string(expected));
    // 2^31 elements are 8 GiB: beyond that a request is a mistake, and sizes stay far from
    // overflow.
    for (int64_t extent : dims)
      check(extent >= 1 && extent <= (int64_t{1} << 31), ErrorCode::InvalidArgument,
            "input {}: every extent must be at least 1", to_string(dims));
    check(num_elements(dims) <= (int64_t{1} << 31), ErrorCode::InvalidArgument,
          "input {}: more than 2^31 elements", to_string(dims));
    const int64_t multiple = input_multiple(plan.data().graph);
    const auto nearest = [&](int64_t extent) {
      return std::max<int64_t>(1, (extent + multiple / 2) / multiple) * multiple;
    };
    if (dims[2] % multiple != 0 || dims[3] % multiple != 0)
      fail_hint(ErrorCode::InvalidArgument,
                fmt::format("the nearest size is {}x{}", nearest(dims[2]), nearest(dims[3])),
                "input {}: expected a height and a width that are multiples of {}", to_string(dims),
                multiple);
  }
};

Session::Session(const Plan& plan, const SessionOptions& options) {
  const Backend& backend = find_backend(options.backend);
  const int threads = resolve_threads(options.threads);
  const int streams = resolve_streams(options.streams, threads);
  state_.reset(new State{plan, backend, {streams, threads, current_cores()}});
}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::run(const float* images, const Dims& dims, float* logits) const {
  run_observed(*this, images, dims, logits, nullptr);
}

void run_observed(const Session& session, const float* images, const Dims& dims, float* logits,
                  RunObserver* observer) {
  Session::State& state = *session.state_;
  check(state.plan.data().graph.outputs.size() == 1, ErrorCode::InvalidArgument,
        "session: the plan has {} outputs, run() returns one",
        state.plan.data().graph.outputs.size());
  state.run(*state.compiled(dims), images, logits, observer);
}

std::shared_ptr<const Executable> compiled_program(const Session& session, const Dims& dims) {
  const auto shape = session.state_->compiled(dims);
  return {shape, &shape->executable()};
}

Tensor Session::run(const Tensor& images) const {
  const std::span<const float> pixels = images.as<float>();
  const auto compiled = state_->compiled(images.dims());
  Tensor logits(compiled->executable().outputs()[0].dims);
  run(pixels.data(), images.dims(), logits.as<float>().data());
  return logits;
}

void Session::prepare(const Dims& dims) const { state_->compiled(dims); }
const Plan& Session::plan() const { return state_->plan; }
const char* Session::backend() const { return state_->backend.name(); }
int Session::threads() const { return state_->teams.threads(); }
int Session::streams() const { return state_->teams.limit(); }

size_t Session::arena_bytes(const Dims& dims) const {
  return state_->compiled(dims)->executable().arena_bytes();
}

std::string Session::explain(const Dims& dims) const {
  return state_->explain(state_->compiled(dims)->executable());
}

}  // namespace vitro
