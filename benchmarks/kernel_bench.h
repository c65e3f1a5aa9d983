#pragma once

#include <cmath>
#include <new>
#include <string>
#include <vector>

#include "backends/cpu/kernels/kernels.h"
#include "peer.h"
#include "timing.h"

namespace vitro::bench {

struct Options {
  std::string isa;
  std::string filter;
  std::string json;
  double seconds = 0.2;
  int threads = 2;
  bool cold = false;
};

/// One line of the report.
struct Line {
  std::string op;    ///< of docs/operators.md
  std::string name;  ///< the op and its shape
  Timing timing;
  double flops = 0;                   ///< of one call, per thread; 0 when `bytes` is what counts
  double bytes = 0;                   ///< read and written by one call
  double peer = std::nan("");         ///< seconds of the peer; NaN without one
  double peer_packed = std::nan("");  ///< with weights in a layout of the peer's own
  int threads = 1;
};

struct Context {
  Options options;
  cpu::Isa isa = cpu::Isa::Scalar;
  const cpu::KernelTable* table = nullptr;
  double peak = 0;  ///< flop/s of one core
  std::vector<Line> lines;

  bool wants(const std::string& name) const {
    return name.find(options.filter) != std::string::npos;
  }
};

/// Memory as a plan and an arena give it to kernels: rows of whole registers cross no cache line.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
  }
  void deallocate(T* p, size_t) { ::operator delete(p, kAlignment); }
  bool operator==(const LineAllocator&) const = default;
};
using Tensor = std::vector<float, LineAllocator<float>>;

/// Reproducible values in [-1, 1).
Tensor pattern(int64_t count);
/// Best seconds of the peer's run on one thread; NaN without a peer.
double peer_best(const Context& context, const PeerRun& run);
/// Prints the line and keeps it: GFLOP/s against the peak when flops > 0, otherwise GB/s.
void report(Context& context, Line line);
/// All lines kept so far with the machine they are from.
std::string lines_json(const Context& context);

void bench_gemm(Context& context);
void bench_narrow_gemm(Context& context);
void bench_gemm_threads(Context& context);
void bench_patches(Context& context);
void bench_depthwise(Context& context);
void bench_attention(Context& context);
void bench_rows(Context& context);

}  // namespace vitro::bench
