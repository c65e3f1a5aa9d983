#pragma once

#include "backends/cpu/bands.h"
#include "backends/cpu/kernels/kernels.h"
#include "core/thread_team.h"

namespace vitro::cpu {

/// A tensor as [outer, reduced, inner].
struct Reduced {
  int64_t outer = 1, reduced = 1, inner = 1;

  int64_t elements() const { return outer * reduced * inner; }
  int64_t results() const { return outer * inner; }
};

/// What joins reductions of parts, of the same number of elements each.
inline ReduceKind joining(ReduceKind kind) {
  return kind == ReduceKind::SumSquare ? ReduceKind::Sum : kind;
}

/// Many tokens in parts whose number depends on the shape alone: a power of two, so that each
/// thread's parts are its share of the tokens. Threads so read the tokens that they made, and will
/// write again, and not some channels of all: a line that two cores have read is written slowly.
Bands token_parts(int64_t tokens, int64_t channels);

/// [outer, reduced, inner] -> [outer, inner] on all threads: the same bits whatever their number.
class ReduceStep {
 public:
  ReduceStep(ReduceKind kind, const Reduced& shape, int threads);
  /// Floats that run() works in.
  int64_t scratch() const { return joined_ == 1 ? 0 : shape_.results() * joined_; }
  const Reduced& shape() const { return shape_; }
  void run(ThreadTeam& team, const float* x, float* dst, float* scratch) const;

 private:
  void run_rows(ThreadTeam& team, const float* x, float* dst) const;
  void run_tokens(ThreadTeam& team, const float* x, float* dst) const;
  void join(ThreadTeam& team, const float* parts, float* dst) const;

  ReduceKind kind_;
  Reduced shape_;
  int64_t fold_ = 1;    ///< neighbouring tokens that are reduced as channels of one
  int64_t left_ = 0;    ///< tokens of an image behind the last such one
  int64_t joined_ = 1;  ///< rows [inner] of an image that are reduced again; 1: they are the result
  ReduceRows rows_ = nullptr;
  ReduceTokens part_ = nullptr, join_ = nullptr;
  Bands tokens_;       ///< of an image, folded
  Bands channels_;     ///< of folded tokens, where these are in one part
  int64_t bands_ = 1;  ///< useful shares of threads
};

}  // namespace vitro::cpu
