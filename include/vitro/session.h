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
  /// device here, InvalidArgument for a number of threads or streams outside 0 to 1024.
  explicit Session(const Plan& plan, const SessionOptions& options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// images [n, 3, height, width], preprocessed -> logits [n, num_classes].
  /// Throws InvalidArgument for a shape the model cannot take.
  Tensor run(const Tensor& images) const;
  /// The same on memory of the caller: `images` holds dims = [n, 3, height, width] floats, `logits`
  /// has room for n * num_classes. Allocates nothing, except in the first call for a shape and when
  /// more calls for a shape run at once than ever before.
  void run(const float* images, const Dims& dims, float* logits) const;
  /// Compiles for a shape and allocates the memory of one call now, not in the first run(). Throws
  /// InvalidArgument for a shape the model cannot take.
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
