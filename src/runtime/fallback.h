#pragma once

#include "runtime/partition.h"

namespace vitro {

/// What a copy between two backends moves in each run.
struct BorderCopy {
  std::string source;  ///< of the op that makes the value
  TensorType type;
  size_t bytes;
  bool to_fallback;
};

/// What a session runs on another backend than the one that it was asked for.
struct FallbackUse {
  std::string asked, backend;  ///< names of both
  std::string unavailable;     ///< why nothing runs on the one asked for; empty: `refused` does not
  std::vector<RefusedOp> refused = {};
  size_t pieces = 1, fallback_pieces = 1;
  std::vector<BorderCopy> copies = {};

  size_t copied_bytes() const;
};

/// "backend 'cuda' refuses 2 ops, which run on cpu: softmax 'a', 'b'; ...": one line.
std::string fallback_warning(const FallbackUse& use);
/// "3 pieces, 2 on cuda and 1 on cpu; ...": one line without names.
std::string fallback_summary(const FallbackUse& use);
/// The same, and a line for each copy.
std::string fallback_text(const FallbackUse& use);

/// A lane of both backends, for what compile_with_fallback() makes. That of `fallback` is made when
/// it is first needed.
std::unique_ptr<Lane> make_lane_with_fallback(const Backend& first, const Backend& fallback,
                                              const LaneOptions& options);

/// Compiles for `first` what it takes and the rest for `fallback`. A copy is a step of its own,
/// which lasts from the begin of a piece of `first` to its first step, or from its last step to its
/// end: it is done by the backend, with all else that this does at its borders. Throws Unsupported
/// when both refuse an op.
std::unique_ptr<Executable> compile_with_fallback(const CompileRequest& request,
                                                  const Backend& first, const Backend& fallback);
/// What of it runs where; null when all of it runs on the first, or when it was made otherwise.
const FallbackUse* fallback_use(const Executable& executable);

}  // namespace vitro
