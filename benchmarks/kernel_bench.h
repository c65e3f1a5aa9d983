#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "backends/cpu/kernels/kernels.h"
#include "peer.h"
#include "timing.h"

namespace vitro::bench {

struct Options {
  std::string isa;
  std::string filter;
  double seconds = 0.2;
  int threads = 2;
  bool cold = false;
};

struct Context {
  Options options;
  const cpu::KernelTable* table = nullptr;
  double peak = 0;  // flop/s of one core

  bool wants(const std::string& name) const {
    return name.find(options.filter) != std::string::npos;
  }
};

/// Reproducible values in [-1, 1).
std::vector<float> pattern(int64_t count);
/// Best seconds of the peer's run on one thread; NaN without a peer.
double peer_best(const Context& context, const PeerRun& run);
/// One line of the report: GFLOP/s against the peak when flops > 0, otherwise GB/s of `bytes`. The
/// peer's seconds are printed unless NaN.
void report(const Context& context, const std::string& name, const Timing& t, double flops,
            double bytes, double peer = std::nan(""), double peer_packed = std::nan(""));

void bench_gemm(const Context& context);
void bench_gemm_threads(const Context& context);
void bench_patches(const Context& context);
void bench_depthwise(const Context& context);
void bench_attention(const Context& context);
void bench_rows(const Context& context);

}  // namespace vitro::bench
