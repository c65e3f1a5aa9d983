#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vitro/io.h"
#include "vitro/plan.h"
#include "vitro/precision.h"

namespace vitro {

class Engine;  // not part of the API

struct SessionOptions {
  std::string backend = "auto";  ///< "auto", "cuda", "cpu" or "reference"
  /// Exactly this many per run; 0: one for each available core. On a GPU up to eight of them copy
  /// large tensors from and to memory of the host, and nothing else.
  int threads = 0;
  int streams = 0;  ///< at most this many runs at once; 0: as many as fit on the available cores
  Precision precision = Precision::Default;
  int device = 0;  ///< which GPU, as CUDA numbers them
  /// What runs the ops that the backend refuses, and everything when the backend cannot be used
  /// here: "cpu", or empty for nobody. Warns on standard error when it does.
  std::string fallback = {};
  /// Bytes that the weights in all forms and the working memory of all streams may take, on the
  /// host and on a GPU together; 0: no limit. Inputs of a shape that needs more throw OutOfMemory,
  /// before their working memory is taken.
  size_t max_memory = 0;
};

struct RunOptions {
  /// A call that no stream is free for by then throws DeadlineExceeded; one that has begun ends.
  std::optional<std::chrono::steady_clock::time_point> deadline = std::nullopt;
  /// A cudaStream_t of the session's GPU, for backend "cuda"; null: a stream of the session, which
  /// the call waits for. With a stream the call enqueues all its work there, behind what is in it,
  /// and returns: results are there when the stream has come so far, and until then inputs and
  /// outputs must stay as they are and the stream must exist. Tensors must be in memory of the GPU
  /// or page-locked (DeviceType::CudaHost), and the stream must not be capturing a graph. What goes
  /// wrong on the GPU is told by the stream. The first call for a shape may wait for the GPU, and
  /// so may the first ones that work on its tensors in place (Session::run). A session that is
  /// destroyed waits for its work. Each stream has working memory of its own, so that calls on
  /// different ones may overlap, for up to SessionOptions::streams of them; beyond, they share it
  /// and wait for each other on the GPU.
  void* stream = nullptr;
};

/// Runs a plan. Any number of threads may call run() on one session at once; sessions of one plan
/// share its weights.
///
/// At most streams() calls run at the same time; others wait and are served in the order in which
/// they came. By default streams() is the number of calls that fit on the available cores, at least
/// 1, so that calls do not compete for cores. For the most images per second, set threads to 1 and
/// call run() from as many threads as there are cores.
///
/// A call works on the thread that made it and on threads() - 1 workers. Workers are started when
/// they are first needed, and kept: a session has at most streams() * (threads() - 1) of them. They
/// may use the cores that were open to the thread which made the session, at that time.
///
/// Results do not depend on streams. They depend on threads only on processors with AMX, where the
/// cpu backend multiplies on AMX with up to four threads and on AVX-512 with more.
class Session {
 public:
  /// Throws NotFound for an unknown backend, Unsupported for one that was not built or has no
  /// device here and for a precision that the backend does not have, InvalidArgument for a number
  /// of threads or streams outside 0 to 1024, for a device that there is not and for a fallback
  /// other than "cpu".
  explicit Session(const Plan& plan, const SessionOptions& options = {});

  /// What the model takes and gives, in order.
  std::span<const IoInfo> inputs() const;
  std::span<const IoInfo> outputs() const;

  /// Runs on memory of the caller, in the order of inputs() and outputs(). On backend "cuda" each
  /// tensor may be in memory of the host or of the session's GPU, where it must be complete: the
  /// call does not wait for other streams. Allocates nothing, except in the first call for a shape
  /// on each stream and when it makes a CUDA graph. Throws InvalidArgument, naming the tensor, when
  /// one does not have the type and extents that the model takes, and DeadlineExceeded.
  ///
  /// Tensors in memory of the GPU are copied from and to memory of the session there. Those that
  /// are the same in two calls for a shape in a row are worked on in place from the third on, if
  /// they begin at multiples of 64 bytes and no output overlaps another tensor: the second call
  /// makes a graph for them. Inputs are never written. There is one such graph for each shape and
  /// stream; calls with other tensors copy them, until these have come often enough to replace it.
  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
           const RunOptions& options = {}) const;
  /// The same with results of its own, in memory of the host; not for streams. Inputs with names
  /// are taken by name, in any order; without names by position. Also throws NotFound for a name
  /// that no input has.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const RunOptions& options = {}) const;
  /// For a model of one input and one output.
  Tensor run(const Tensor& input) const;
  /// Compiles for these extents, those of each input in order, and allocates the memory of one call
  /// now, not in the first run(). Throws InvalidArgument for extents that the model cannot take.
  void prepare(std::span<const Dims> dims) const;
  /// For a model of one input.
  void prepare(const Dims& dims) const;

  const Plan& plan() const;
  /// The backend that "auto" stood for; the fallback when that one runs everything.
  const char* backend() const;
  /// What it computes in, never Default.
  Precision precision() const;
  int threads() const;
  int streams() const;
  /// Bytes of activations and scratch that one run of this shape works in; one input.
  size_t arena_bytes(const Dims& dims) const;
  /// Which implementation every op got at this shape, why others refused, and what is copied
  /// between the backend and its fallback, as readable text.
  std::string explain(const Dims& dims) const;

 private:
  friend struct Internals;
  explicit Session(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}

  std::shared_ptr<Engine> engine_;
};

}  // namespace vitro
