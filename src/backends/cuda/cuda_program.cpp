#include "backends/cuda/cuda_program.h"

#include <algorithm>

#include "backends/cuda/callers_memory.h"
#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/cuda_timer.h"
#include "backends/cuda/kernels/elementwise.h"
#include "backends/cuda/kernels/graph.h"
#include "backends/cuda/layout.h"
#include "backends/cuda/tensor_memory.h"
#include "core/check.h"

namespace vitro::cuda {
namespace {

class CudaContext final : public Context {
 public:
  CudaContext(const CudaProgram& program, CudaLane& lane)
      : program_(program), lane_(lane), layout_(program), callers_(layout_) {
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
    base_ = lane.workspace(layout_.bytes);  // null where nothing has elements
    workspace_ = layout_.ports(base_);
  }

  ~CudaContext() override {
    // The graph may still be running.
    try {
      lane_.wait();
    } catch (const Error&) {  // was thrown, or is told by the stream of the caller
    }
  }

  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
           RunObserver* observer) override {
    const DeviceScope scope(program_.device);
    check_tensors(inputs, "input", program_.device, false);
    check_tensors(outputs, "output", program_.device, false);
    lane_.settle();
    find_workspace();
    auto call = CallersMemory::Call::Copied;
    if (observer)
      observe(inputs, outputs, *observer);
    else
      call = enqueue_call(inputs, outputs);
    lane_.wait();
    make_graphs(call);
  }

  void enqueue(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
               void* stream) override {
    const DeviceScope scope(program_.device);
    check_tensors(inputs, "input", program_.device, true);
    check_tensors(outputs, "output", program_.device, true);
    find_workspace();
    const auto on_stream = [&] {
      const StreamScope on(lane_, static_cast<cudaStream_t>(stream));
      return enqueue_call(inputs, outputs);
    };
    make_graphs(on_stream());
  }

  std::unique_ptr<DeviceTimer> timer() override {
    return make_cuda_timer(
        lane_, {[this](auto inputs) { bring(inputs, workspace_); },
                [this] { graph_.launch(lane_.stream()); },
                [this](auto outputs) { take(outputs, workspace_); },
                program_.steps->sequence.size(), [this](size_t steps) { replay_first(steps); }});
  }

 private:
  /// Enqueues all of a call: replays of a graph, or in the first one its launches one by one.
  CallersMemory::Call enqueue_call(std::span<const TensorView> inputs,
                                   std::span<const TensorView> outputs) {
    const CallersMemory::Call call = callers_.next(inputs, outputs);
    const bool in_place = call == CallersMemory::Call::InPlace;
    const PortAddresses& ports = in_place ? in_place_ : workspace_;
    bring(inputs, ports);
    if (const Graph& graph = in_place ? in_place_graph_ : graph_)
      graph.launch(lane_.stream());
    else
      launch_all(ports);
    take(outputs, ports);
    return call;
  }

  /// What later calls replay, behind a call that did without.
  void make_graphs(CallersMemory::Call call) {
    if (!graph_) graph_ = graph_of([this] { launch_all(workspace_); });
    if (call != CallersMemory::Call::Repeated) return;
    PortAddresses ports = callers_.in_place(workspace_);
    try {
      in_place_graph_ = graph_of([&] { launch_all(ports); });
    } catch (const Error& error) {
      if (error.code() != ErrorCode::OutOfMemory) throw;
      return;  // the call has done its work, and the next ones copy
    }
    in_place_ = std::move(ports);
    callers_.captured();
  }

  /// A replay of so many steps alone, as a graph that is kept.
  void replay_first(size_t steps) {
    first_.resize(program_.steps->sequence.size() + 1);
    if (!first_[steps]) first_[steps] = graph_of([&] { launch_first(steps, workspace_); });
    first_[steps].launch(lane_.stream());
  }

  /// The workspace moves when the lane grows for another program; graphs that work in it are then
  /// made again.
  void find_workspace() {
    std::byte* const base = lane_.workspace(layout_.bytes);
    if (base == std::exchange(base_, base)) return;
    workspace_ = layout_.ports(base);
    graph_ = {};
    first_.clear();
    in_place_graph_ = {};
    callers_.forget();
  }

  template <typename Enqueue>
  Graph graph_of(const Enqueue& enqueue) {
    GraphBuilder launches;
    const GraphScope scope(lane_, launches);
    enqueue();
    return Graph(launches);
  }

  void launch_all(const PortAddresses& ports) {
    launch_first(program_.steps->sequence.size(), ports);
    cast_outputs(ports);
  }
  /// The first steps alone.
  void launch_first(size_t steps, const PortAddresses& ports) {
    cast_inputs(ports);
    for (size_t s = 0; s < steps; ++s) run_step(s, ports);
  }

  /// Inputs to where kernels read them.
  void bring(std::span<const TensorView> inputs, const PortAddresses& ports) const {
    for (size_t i = 0; i < inputs.size(); ++i)
      copy(ports.inputs[i], inputs[i].data, layout_.inputs[i].bytes);
  }

  /// Outputs from where they are to the caller.
  void take(std::span<const TensorView> outputs, const PortAddresses& ports) const {
    for (const OutputCopy& output : program_.steps->copies)
      copy(outputs[output.output].data, result(output, ports),
           layout_.outputs[output.output].bytes);
  }

  /// Between any two kinds of memory; what kernels work on in place is there.
  void copy(void* dst, const void* src, size_t bytes) const {
    if (dst == src) return;
    lane_.staging().copy(dst, src, bytes, lane_.stream());
  }

  void cast_inputs(const PortAddresses& ports) const {
    for (size_t i = 0; i < layout_.inputs.size(); ++i)
      if (const PortMemory& port = layout_.inputs[i]; port.cast)
        cast({Element::Float32, program_.element, ports.inputs[i], base_ + port.stored, port.count},
             lane_.launch());
  }

  void cast_outputs(const PortAddresses& ports) const {
    for (const OutputCopy& output : program_.steps->copies)
      if (output.from.kind == Place::Kind::Arena && layout_.outputs[output.output].cast)
        cast({element_of(output.stored), Element::Float32, base_ + output.from.index,
              ports.outputs[output.output], layout_.outputs[output.output].count},
             lane_.launch());
  }

  /// The elements of an output as the caller has them, once it has been cast.
  const void* result(const OutputCopy& output, const PortAddresses& ports) const {
    if (output.from.kind == Place::Kind::Constant) return output.from.data;
    if (output.from.kind == Place::Kind::Input) return ports.inputs[output.from.index];
    return layout_.outputs[output.output].cast ? ports.outputs[output.output]
                                               : computed(output.from, ports);
  }

  const std::byte* operand(size_t s, const Place& place, const PortAddresses& ports) const {
    if (place.kind != Place::Kind::Input) return computed(place, ports);
    const PortMemory& port = layout_.inputs[place.index];
    return port.cast && !program_.reads_images[s] ? base_ + port.stored : ports.inputs[place.index];
  }
  /// Null: absent, or a constant that the kernel took.
  std::byte* computed(const Place& place, const PortAddresses& ports) const {
    if (place.kind == Place::Kind::Arena) return base_ + place.index;
    return place.kind == Place::Kind::Output ? ports.outputs[place.index] : nullptr;
  }

  void run_step(size_t s, const PortAddresses& ports) {
    const Step& step = program_.steps->sequence[s];
    std::ranges::transform(step.inputs, operands_.begin(),
                           [&](const Place& place) { return operand(s, place, ports); });
    std::ranges::transform(step.outputs, results_.begin(),
                           [&](const Place& place) { return computed(place, ports); });
    step.kernel->run({{operands_.data(), step.inputs.size()},
                      {results_.data(), step.outputs.size()},
                      base_ + step.scratch,
                      lane_});
  }

  /// Step by step, each waiting for the one before it.
  void observe(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
               RunObserver& observer) {
    bring(inputs, workspace_);
    lane_.record(observer.timeline());
    cast_inputs(workspace_);
    lane_.wait();
    std::vector<float> values;
    for (size_t s = 0; s < program_.steps->sequence.size(); ++s) {
      observer.before_step(s);
      run_step(s, workspace_);
      lane_.wait();
      // Booleans stay on the GPU: observers see floats.
      const bool floats = program_.steps->infos[s].output.dtype == DType::Float32;
      if (observer.wants_outputs() && floats) download(s, values);
      const auto* bytes = floats ? reinterpret_cast<const std::byte*>(values.data()) : nullptr;
      observer.after_step(
          s, observer.wants_outputs() ? std::span(&bytes, 1) : std::span<const std::byte* const>());
    }
    lane_.record(nullptr);
    cast_outputs(workspace_);
    take(outputs, workspace_);
  }

  /// The first result of the step that ran last, as float32.
  void download(size_t s, std::vector<float>& values) {
    const int64_t count = num_elements(program_.steps->infos[s].output.dims);
    values.resize(static_cast<size_t>(count));
    if (observed_.bytes() < values.size() * sizeof(float))
      observed_ = DeviceMemory(values.size() * sizeof(float));
    const Element stored = element_of(program_.steps->infos[s].stored);
    cast({stored, Element::Float32, results_[0], observed_.data(), count}, lane_.launch());
    copy(values.data(), observed_.data(), values.size() * sizeof(float));
    lane_.wait();
  }

  const CudaProgram& program_;
  CudaLane& lane_;
  Layout layout_;
  std::byte* base_ = nullptr;  // of the workspace
  PortAddresses workspace_;    // copies of the caller's tensors
  Graph graph_;                // on these
  CallersMemory callers_;
  PortAddresses in_place_;    // the caller's tensors
  Graph in_place_graph_;      // on these
  std::vector<Graph> first_;  // of the first steps alone, by their number
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
  std::vector<TunableOp> tunables() const override {
    std::vector<TunableOp> ops = Executable::tunables();
    for (const Step& step : program_.steps->sequence)
      for (TunableOp& op : step.kernel->tunables())
        if (op.candidates.size() > 1 &&
            std::none_of(ops.begin(), ops.end(), [&](const auto& o) { return o.key == op.key; }))
          ops.push_back(std::move(op));
    return ops;
  }
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
  bind_outputs(*program.steps);
  program.steps->memory.staging = Layout(program).staging_bytes();
  return std::make_unique<CudaExecutable>(std::move(program));
}

}  // namespace vitro::cuda
