#include "backends/cuda/cuda_timer.h"

#include <chrono>
#include <utility>

namespace vitro::cuda {
namespace {

class Event {
 public:
  Event() { check_cuda(cudaEventCreate(&event_), "an event"); }
  Event(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }

  void record(cudaStream_t stream) const {
    check_cuda(cudaEventRecord(event_, stream), "an event");
  }
  /// Both are over.
  double milliseconds_since(const Event& earlier) const {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, earlier.event_, event_), "an event");
    return milliseconds;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

size_t l2_bytes(int device) {
  int bytes = 0;
  check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, device), "the size of the L2");
  return static_cast<size_t>(bytes);
}

class CudaTimer final : public DeviceTimer {
 public:
  CudaTimer(CudaLane& lane, RunPhases phases) : lane_(lane), phases_(std::move(phases)) {}

  DeviceTimes run(std::span<const TensorView> inputs,
                  std::span<const TensorView> outputs) override {
    const DeviceScope scope(lane_.device());
    lane_.wait();
    begin_.record(lane_.stream());
    phases_.bring(inputs);
    brought_.record(lane_.stream());
    const auto start = std::chrono::steady_clock::now();
    phases_.compute();
    const std::chrono::duration<double, std::milli> enqueue =
        std::chrono::steady_clock::now() - start;
    computed_.record(lane_.stream());
    phases_.take(outputs);
    end_.record(lane_.stream());
    lane_.wait();
    return {enqueue.count(), brought_.milliseconds_since(begin_),
            computed_.milliseconds_since(brought_), end_.milliseconds_since(computed_)};
  }

  double back_to_back(int count) override { return repeated(count, phases_.compute); }

  double cold() override {
    const DeviceScope scope(lane_.device());
    if (!ballast_.data()) ballast_ = DeviceMemory(4 * l2_bytes(lane_.device()));
    // Lasts longer than enqueueing what is timed.
    check_cuda(cudaMemsetAsync(ballast_.data(), 0, ballast_.bytes(), lane_.stream()),
               "flushing the L2");
    return back_to_back(1);
  }

  std::vector<double> steps(int count) override {
    std::vector<double> added;
    double before = 0;
    for (size_t steps = 0; steps <= phases_.num_steps; ++steps) {
      const double all = repeated(count, [&] { phases_.compute_first(steps); });
      added.push_back(all - std::exchange(before, all));
    }
    return added;
  }

 private:
  template <typename Compute>
  double repeated(int count, const Compute& compute) {
    const DeviceScope scope(lane_.device());
    begin_.record(lane_.stream());
    for (int i = 0; i < count; ++i) compute();
    end_.record(lane_.stream());
    lane_.wait();
    return end_.milliseconds_since(begin_) / count;
  }

  CudaLane& lane_;
  const RunPhases phases_;
  const Event begin_, brought_, computed_, end_;
  DeviceMemory ballast_;
};

}  // namespace

std::unique_ptr<DeviceTimer> make_cuda_timer(CudaLane& lane, RunPhases phases) {
  const DeviceScope scope(lane.device());
  return std::make_unique<CudaTimer>(lane, std::move(phases));
}

}  // namespace vitro::cuda
