#pragma once

#include <memory>
#include <string>

#include "vitro/plan.h"

namespace vitro {

class Executable;
class RunObserver;

struct SessionOptions {
  std::string backend = "auto";  ///< "auto", "cpu" or "reference"
  int threads = 0;               ///< exactly this many per run; 0: one for each available core
  int streams = 0;  ///< at most this many runs at once; 0: as many as fit on the available cores
};

/// Runs a plan. Any number of threads may call run() on one session at once; sessions of one plan
/// share its weights.
///
/// At most streams() calls run at the same time; further callers sleep and take their turn in the
/// order in which they came. A run works on the thread that called it and on threads() - 1 workers,
/// so that a session has at most streams() * (threads() - 1) threads of its own, started when first
/// needed and kept. By default streams() is what the available cores hold, at least 1: callers in
/// any number then never compete for cores with each other. For most images per second let threads
/// be 1 and call from as many threads as there are cores. What run() returns does not depend
/// on streams, and on threads only where the cpu backend multiplies on AMX with up to four of them
/// and on AVX-512 with more. Workers may use the cores that the thread which made the session could
/// use at that time.
class Session {
 public:
  /// Throws NotFound for an unknown backend, Unsupported for one that was not built,
  /// InvalidArgument for a number of threads or streams outside 0 to 1024.
  explicit Session(const Plan& plan, const SessionOptions& options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// images [n, 3, height, width], preprocessed -> logits [n, num_classes].
  /// Throws InvalidArgument for a shape the model cannot take.
  Tensor run(const Tensor& images) const;
  /// The same without an allocation after the first call of a shape, and of each further stream
  /// that runs it at the same time. `images` holds dims = [n, 3, height, width] floats, `logits`
  /// has room for n * num_classes.
  void run(const float* images, const Dims& dims, float* logits) const;
  /// Compiles for a shape and allocates its memory now instead of at the first run.
  void prepare(const Dims& dims) const;

  const Plan& plan() const;
  /// The backend that "auto" stood for.
  const char* backend() const;
  int threads() const;
  int streams() const;
  /// Bytes of activations and scratch that one run of this shape works in.
  size_t arena_bytes(const Dims& dims) const;
  /// Which implementation every op got at this shape, and why others refused, as readable text.
  std::string explain(const Dims& dims) const;

 private:
  // runtime/observe.h, for tools that look into a run.
  friend void run_observed(const Session&, const float*, const Dims&, float*, RunObserver*);
  friend std::shared_ptr<const Executable> compiled_program(const Session&, const Dims&);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vitro
