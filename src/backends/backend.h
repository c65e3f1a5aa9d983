#pragma once

#include "backends/device_timer.h"
#include "backends/kernel.h"
#include "backends/lane.h"
#include "backends/peaks.h"

namespace vitro {

/// What a backend compiles, and for whom.
struct CompileRequest {
  const Graph& graph;
  std::span<const TensorType> inputs;
  PlanCache& cache;
  int threads = 1;                       ///< of the lane that it will run on
  const TacticTable* tactics = nullptr;  ///< measured choices, asked first; null: none
  Precision precision = Precision::Default;
  int device = 0;  ///< of the backend, that of the lane
  /// By node of the graph: that of the graph that was asked for, where a backend has rewritten it.
  /// Empty: the graphs are one.
  std::span<const size_t> origins = {};
};

/// Who was asked to run an op, and what it answered. `vitro inspect --why` prints these.
struct Dispatch {
  struct Refused {
    const char* impl;
    std::string reason;
  };
  std::string source;
  const char* op;  ///< op_name()
  Dims output;
  const char* chosen = nullptr;         ///< implementation; null: the op's body runs instead
  std::vector<const char*> absorbed;    ///< ops behind it that the kernel does on its way
  std::string choices;                  ///< Kernel::choices()
  std::vector<Refused> refused;         ///< who was asked before, in order
  std::string key;                      ///< op_key()
  std::vector<const char*> candidates;  ///< what tuning may choose from; the usual choice first
  std::optional<Tactic> tactic;         ///< that was found for the key, whether or not it was used
};

/// A phase of a step. Bytes are what it must read or write at least: each operand once, by the
/// section that reads it first, and the result; what fused kernels keep in the caches is not in it.
struct SectionInfo {
  std::string source;  ///< module path: that of its first weight, or of the node
  const char* op;      ///< op_name() of the node: that of the step, but where it runs several nodes
  std::string name;    ///< "fc1"; empty for an op of one section
  double flops;
  size_t bytes;
  bool product;            ///< a matrix product
  bool layout;             ///< only moves data into another order
  bool quantized = false;  ///< a product in 8 bits
};

/// StepInfo::node of a step that belongs to no node: a copy between two backends.
inline constexpr size_t kNoNode = SIZE_MAX;

/// One kernel of a compiled graph and the work that its op defines.
struct StepInfo {
  size_t node;  ///< of the graph that was compiled, or kNoNode; one inlined is several steps
  std::vector<size_t> earlier_nodes;  ///< that the step runs too, in order: it ends with `node`
  std::string source;                 ///< module path of the node
  const char* op;                     ///< op_name()
  const char* impl;
  TensorType output;                      ///< the first result
  Precision stored = Precision::Float32;  ///< what that is stored in, if it is of floats
  double flops;                           ///< multiply-adds count as two
  size_t weight_bytes;                    ///< constant operands
  size_t input_bytes;                     ///< computed operands
  size_t output_bytes;                    ///< of all results
  size_t scratch_bytes;
  std::vector<SectionInfo> sections;  ///< at least one
};

/// A piece of the arena and when it is in use.
struct ArenaBuffer {
  size_t offset;
  size_t bytes;
  size_t first_step, last_step;
  std::string source;  ///< of the node whose result or scratch it holds first
  bool scratch;
};

/// The working memory of one run, in bytes.
struct MemoryUse {
  size_t activations = 0;  ///< results of the steps, if each that is in the arena had its own place
  size_t scratch = 0;      ///< of all kernels, if each had its own place
  size_t arena = 0;        ///< that both take: what lives at different times shares its place
  size_t staging = 0;      ///< page-locked memory of the host, for copies from and to a device
};

/// Watches a run from the thread that called it; steps are numbered as in Executable::steps().
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void before_step(size_t /*step*/) {}
  /// `outputs` hold the results until the next step begins; null: nobody reads it.
  virtual void after_step(size_t /*step*/, std::span<const std::byte* const> /*outputs*/) {}
  /// False: after_step() gets no outputs, which spares a device from bringing them to the host.
  virtual bool wants_outputs() const { return true; }
  /// Where the team records what its threads do during the run; null: nowhere.
  virtual Timeline* timeline() { return nullptr; }
};

/// A program on a lane. One user at a time, that of the lane; neither run() allocates nor chooses
/// anything, after the first, unless it captures what works on the caller's tensors in place.
class Context {
 public:
  virtual ~Context() = default;
  /// Inputs and outputs in the graph's order, of the executable's types. `observer` may be null.
  virtual void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                   RunObserver* observer) = 0;
  /// The same on a stream of the caller (RunOptions::stream), not waited for. Throws Unsupported,
  /// unless the backend has streams.
  virtual void enqueue(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                       void* stream);
  /// Times runs of this context, which has run and must outlive it; null: the only clock is that of
  /// the host.
  virtual std::unique_ptr<DeviceTimer> timer() { return nullptr; }
};

/// A graph compiled for one input shape. Immutable: any number of lanes may run it at once.
class Executable {
 public:
  virtual ~Executable() = default;
  /// Types of the graph's inputs and outputs, in order.
  virtual std::span<const TensorType> inputs() const = 0;
  virtual std::span<const TensorType> outputs() const = 0;
  virtual const MemoryUse& memory() const = 0;
  /// How many threads it was compiled for, those of its lanes.
  virtual int threads() const = 0;
  /// What runs it on a lane of its backend. Both must outlive the context. Throws OutOfMemory.
  virtual std::unique_ptr<Context> on(Lane& lane) const = 0;
  /// What run() executes, in order.
  virtual std::span<const StepInfo> steps() const = 0;
  /// How the arena is used.
  virtual std::span<const ArenaBuffer> arena_buffers() const = 0;
  /// How each op was mapped, in execution order.
  virtual std::span<const Dispatch> dispatch() const = 0;
  /// What tuning may choose in the program, each key once: implementations of ops, and what their
  /// kernels name.
  virtual std::vector<TunableOp> tunables() const;
};

/// A way to run graphs. Stateless: what it compiles owns all it needs.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  /// One line for `vitro doctor`: instruction set, library versions.
  virtual std::string describe() const = 0;
  /// Why it cannot run on this machine, for want of a device, say; nothing when it can. A wrong
  /// setting is no such reason: it must not make "auto" slow, and throws where it is used.
  virtual std::optional<Refusal> available() const { return std::nullopt; }
  /// The instruction set in force: "avx512", "sm_90". Throws InvalidArgument when a setting asks
  /// for one that this machine does not have.
  virtual std::string instruction_set() const = 0;
  /// All that it could use on this machine, slowest first.
  virtual std::vector<std::string> instruction_sets() const { return {instruction_set()}; }
  /// What it computes in when asked for that: Default becomes its usual one. Throws Unsupported for
  /// one that it does not have.
  virtual Precision precision(Precision asked) const;
  /// Devices that lanes and programs may be for, numbered from 0.
  virtual int num_devices() const { return 1; }
  /// Measures what its instruction set can do, in half a second.
  virtual Peaks peaks(const PeakRequest& request) const = 0;
  /// Whether the number of threads of a lane matters to its programs.
  virtual bool uses_threads() const { return true; }
  /// What measured choices hold for: processor and instruction set in force. Empty: nothing to
  /// choose.
  virtual std::string machine() const { return {}; }
  /// Whether its programs for `device` take inputs and outputs in that memory.
  virtual bool reaches(Device memory, int /*device*/) const {
    return memory.type != DeviceType::Cuda;
  }
  /// Clock, power and the like of a device, for measurements; nothing when it has none of its own.
  virtual std::optional<DeviceState> device_state(int /*device*/) const { return std::nullopt; }
  /// The forms in which it may have stored constants in a plan.
  virtual std::span<const PackedForm* const> packed_forms() const { return {}; }
  /// Throws DeviceError or OutOfMemory when the system refuses one.
  virtual std::unique_ptr<Lane> make_lane(const LaneOptions& options) const = 0;
  /// Why it has no implementation of a plain op; nothing when it has, or the op is a view.
  virtual std::optional<Refusal> can_run(const OpContext& op) const = 0;
  /// Throws Unsupported when a plain op has no implementation; fused ops without one are inlined.
  /// The graph need not outlive the executable, which keeps the weights alive.
  virtual std::unique_ptr<Executable> compile(const CompileRequest& request) const = 0;
};

/// A row of the one table of backends.
struct BackendRow {
  const char* name;
  const Backend* backend;   ///< nullptr when it was not built
  const char* unavailable;  ///< why not, and what to install
};

/// Fastest first.
std::span<const BackendRow> backend_rows();
/// Why a backend cannot be used: it was not built, or is not available() here. Nothing when it can.
std::optional<Refusal> why_unavailable(const BackendRow& row);
/// "auto" is the first that can be used. Throws NotFound (listing the names) or Unsupported (saying
/// why it cannot be used).
const Backend& find_backend(std::string_view name,
                            std::span<const BackendRow> rows = backend_rows());

}  // namespace vitro
