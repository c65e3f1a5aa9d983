#include "backends/cuda/cuda_program.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/graph.h"
#include "backends/cuda/kernels/elementwise.h"
#include "core/check.h"

namespace vitro::cuda {
namespace {

constexpr size_t kAlignment = 256;

/// Where an input or output lies in the workspace.
struct PortMemory {
  size_t floats = 0;  ///< offset of its float32 elements, as the caller has them
  size_t stored = 0;  ///< offset of the same in the storage type
  int64_t count = 0;
  bool cast = false;  ///< between the two
};

/// The workspace of a run: the arena, then the ports.
struct Layout {
  std::vector<PortMemory> inputs, outputs;
  size_t bytes = 0;

  explicit Layout(const CudaProgram& program) : bytes(program.steps->memory.arena) {
    const bool wide = program.element == Element::Float32;
    for (size_t i = 0; i < program.steps->input_types.size(); ++i)
      inputs.push_back(port(program.steps->input_types[i], !wide && is_read(program, i)));
    for (const TensorType& type : program.steps->output_types) outputs.push_back(port(type, !wide));
  }

  /// For copies of the largest input or output.
  size_t staging_bytes() const {
    size_t most = 0;
    for (const auto* ports : {&inputs, &outputs})
      for (const PortMemory& port : *ports)
        most =
            std::max(most, Staging::locked_bytes(static_cast<size_t>(port.count) * sizeof(float)));
    return most;
  }

 private:
  size_t take(size_t size) {
    const size_t offset = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    bytes = offset + size;
    return offset;
  }

  PortMemory port(const TensorType& type, bool cast) {
    const int64_t count = num_elements(type.dims);
    const size_t floats = take(static_cast<size_t>(count) * sizeof(float));
    const size_t stored = cast ? take(static_cast<size_t>(count) * 2) : floats;
    return {floats, stored, count, cast && count > 0};
  }

  /// Whether a step reads the input in the storage type.
  static bool is_read(const CudaProgram& program, size_t input) {
    for (size_t s = 0; s < program.steps->sequence.size(); ++s)
      for (const Place& place : program.steps->sequence[s].inputs)
        if (place.kind == Place::Kind::Input && place.index == input && !program.reads_images[s])
          return true;
    return false;
  }
};

class CudaContext final : public Context {
 public:
  CudaContext(const CudaProgram& program, CudaLane& lane)
      : program_(program), lane_(lane), layout_(program) {
    check(lane.device() == program.device, ErrorCode::Internal,
          "a lane of device {} for a program of device {}", lane.device(), program.device);
    size_t operands = 0, results = 0;
    for (const Step& step : program.steps->sequence) {
      operands = std::max(operands, step.inputs.size());
      results = std::max(results, step.outputs.size());
    }
    operands_.resize(operands);
    results_.resize(results);
    const DeviceScope scope(program.device);
    lane.workspace(layout_.bytes);
  }

  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
           RunObserver* observer) override {
    const DeviceScope scope(program_.device);
    std::byte* const base = lane_.workspace(layout_.bytes);
    const bool moved =
        base != std::exchange(base_, base);  // the lane has grown for another program
    for (size_t i = 0; i < inputs.size(); ++i)
      copy(base_ + layout_.inputs[i].floats, inputs[i].data, layout_.inputs[i].count);
    if (observer)
      observe(*observer);
    else if (graph_ && !moved)
      graph_.launch(lane_.stream());
    else
      enqueue();
    for (const OutputCopy& output : program_.steps->copies)
      copy(outputs[output.output].data, result(output), layout_.outputs[output.output].count);
    lane_.wait();
    if (!graph_ || moved) graph_.capture(lane_.stream(), [this] { enqueue(); });
  }

  double replay_microseconds(int replays) {
    const DeviceScope scope(program_.device);
    cudaEvent_t begin = nullptr, end = nullptr;
    check_cuda(cudaEventCreate(&begin), "an event");
    check_cuda(cudaEventCreate(&end), "an event");
    check_cuda(cudaEventRecord(begin, lane_.stream()), "an event");
    for (int i = 0; i < replays; ++i) graph_.launch(lane_.stream());
    check_cuda(cudaEventRecord(end, lane_.stream()), "an event");
    lane_.wait();
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "an event");
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    return 1000.0 * milliseconds / replays;
  }

 private:
  Launch launch() const { return {lane_.stream(), true}; }

  /// Between any two kinds of memory.
  void copy(void* dst, const void* src, int64_t floats) const {
    lane_.staging().copy(dst, src, static_cast<size_t>(floats) * sizeof(float), lane_.stream());
  }

  void enqueue() {
    cast_inputs();
    for (size_t s = 0; s < program_.steps->sequence.size(); ++s) run_step(s);
    cast_outputs();
  }

  void cast_inputs() const {
    for (const PortMemory& port : layout_.inputs)
      if (port.cast)
        cast({Element::Float32, program_.element, base_ + port.floats, base_ + port.stored,
              port.count},
             launch());
  }

  void cast_outputs() const {
    for (const OutputCopy& output : program_.steps->copies)
      if (output.from.kind == Place::Kind::Arena && layout_.outputs[output.output].cast)
        cast({program_.element, Element::Float32, base_ + output.from.index,
              base_ + layout_.outputs[output.output].floats, layout_.outputs[output.output].count},
             launch());
  }

  /// The float32 elements of an output once it has been cast.
  const void* result(const OutputCopy& output) const {
    if (output.from.kind == Place::Kind::Constant) return output.from.data;
    if (output.from.kind == Place::Kind::Input)
      return base_ + layout_.inputs[output.from.index].floats;
    return base_ + (program_.element == Element::Float32 ? output.from.index
                                                         : layout_.outputs[output.output].floats);
  }

  void run_step(size_t s) {
    const Step& step = program_.steps->sequence[s];
    std::transform(step.inputs.begin(), step.inputs.end(), operands_.begin(),
                   [&](const Place& place) -> const std::byte* {
                     if (place.kind == Place::Kind::Arena) return base_ + place.index;
                     if (place.kind != Place::Kind::Input) return nullptr;
                     const PortMemory& port = layout_.inputs[place.index];
                     return base_ + (program_.reads_images[s] ? port.floats : port.stored);
                   });
    std::transform(step.outputs.begin(), step.outputs.end(), results_.begin(),
                   [&](const Place& place) {
                     return place.kind == Place::Kind::Arena ? base_ + place.index : nullptr;
                   });
    step.kernel->run({{operands_.data(), step.inputs.size()},
                      {results_.data(), step.outputs.size()},
                      base_ + step.scratch,
                      lane_});
  }

  /// Step by step, each waiting for the one before it.
  void observe(RunObserver& observer) {
    lane_.record(observer.timeline());
    cast_inputs();
    lane_.wait();
    std::vector<float> values;
    for (size_t s = 0; s < program_.steps->sequence.size(); ++s) {
      observer.before_step(s);
      run_step(s);
      lane_.wait();
      if (observer.wants_outputs()) download(s, values);
      const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
      observer.after_step(
          s, observer.wants_outputs() ? std::span(&bytes, 1) : std::span<const std::byte* const>());
    }
    lane_.record(nullptr);
    cast_outputs();
  }

  /// The first result of the step that ran last, as float32.
  void download(size_t s, std::vector<float>& values) {
    const int64_t count = num_elements(program_.steps->infos[s].output.dims);
    values.resize(static_cast<size_t>(count));
    if (observed_.bytes() < values.size() * sizeof(float))
      observed_ = DeviceMemory(values.size() * sizeof(float));
    cast({program_.element, Element::Float32, results_[0], observed_.data(), count}, launch());
    copy(values.data(), observed_.data(), count);
    lane_.wait();
  }

  const CudaProgram& program_;
  CudaLane& lane_;
  Layout layout_;
  std::byte* base_ = nullptr;  // of the workspace
  Graph graph_;
  std::vector<const std::byte*> operands_;
  std::vector<std::byte*> results_;
  DeviceMemory observed_;
};

class CudaExecutable final : public Executable {
 public:
  explicit CudaExecutable(CudaProgram program) : program_(std::move(program)) {}
  std::span<const TensorType> inputs() const override { return program_.steps->input_types; }
  std::span<const TensorType> outputs() const override { return program_.steps->output_types; }
  const MemoryUse& memory() const override { return program_.steps->memory; }
  int threads() const override { return program_.steps->threads; }
  std::span<const Dispatch> dispatch() const override { return program_.steps->dispatches; }
  std::span<const StepInfo> steps() const override { return program_.steps->infos; }
  std::span<const ArenaBuffer> arena_buffers() const override { return program_.steps->buffers; }
  std::unique_ptr<Context> on(Lane& lane) const override {
    return std::make_unique<CudaContext>(program_, static_cast<CudaLane&>(lane));
  }

 private:
  const CudaProgram program_;
};

}  // namespace

std::unique_ptr<Executable> make_cuda_executable(CudaProgram program) {
  program.steps->memory.staging = Layout(program).staging_bytes();
  return std::make_unique<CudaExecutable>(std::move(program));
}

double replay_microseconds(Context& context, int replays) {
  return static_cast<CudaContext&>(context).replay_microseconds(replays);
}

}  // namespace vitro::cuda
