#pragma once

#include "backends/cpu/bands.h"
#include "backends/cpu/kernels/kernels.h"
#include "backends/kernel.h"
#include "core/thread_team.h"

namespace vitro::cpu {

/// Refuses a scale that the kernels do not take.
std::optional<Refusal> needs_scale(float scale);

/// Multi-head self-attention of a batch: the parallel form of the attention kernel. No score matrix
/// larger than a group of queries is ever in memory.
class AttentionCore {
 public:
  /// In precision BFloat16 it multiplies bfloat16, where heads have an even number of channels.
  AttentionCore(int64_t images, int64_t tokens, int64_t heads, int64_t head_dim, float scale,
                int threads, Precision precision);
  bool in_bfloat16() const { return in_bfloat16_; }
  /// Floats of scratch that run() needs.
  size_t scratch_size() const;
  /// qkv [images, tokens, 3 * heads * head_dim] -> out [images, tokens, heads * head_dim].
  void run(const float* qkv, float* out, float* scratch, ThreadTeam& team) const;
  /// The same where in_bfloat16(), of rows of bfloat16, to floats or to such rows: one of the two.
  void run(const uint16_t* qkv, float* out, uint16_t* rounded, float* scratch,
           ThreadTeam& team) const;
  /// Of one run, multiply-adds counted as two.
  double flops() const {
    return 4.0 * static_cast<double>(images_ * args_.heads * args_.head_dim * args_.tokens *
                                     args_.tokens);
  }

 private:
  void run(const AttentionArgs& first, float* scratch, ThreadTeam& team) const;

  const KernelTable& table_;
  int threads_;
  int64_t images_;
  AttentionArgs args_;
  Bands queries_;
  size_t thread_size_;
  bool in_bfloat16_;
};

}  // namespace vitro::cpu
