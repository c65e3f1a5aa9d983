#include <fmt/core.h>

#include <algorithm>

#include "backends/cpu/kernels/panel16.h"
#include "core/thread_team.h"
#include "kernel_bench.h"

namespace vitro::bench {
namespace {

struct GemmCase {
  int64_t m, k, n;
  bool gelu = false;
  bool layer_norm = false;
  bool residual = false;
};

/// The arguments of one product with everything they point at.
struct GemmProblem {
  Tensor a, weights, bias, c, scratch;
  cpu::GemmArgs args;
  int64_t copies;  // of the weights, one after the other

  GemmProblem(const cpu::KernelTable& table, const GemmCase& s, int64_t weight_copies)
      : copies(weight_copies) {
    a = pattern(s.m * s.k);
    const Tensor w = pattern(s.n * s.k);
    weights.resize(cpu::panel16_size(s.n, s.k) * static_cast<size_t>(copies));
    for (int64_t i = 0; i < copies; ++i)
      cpu::pack_panel16(w.data(), s.n, s.k,
                        weights.data() + static_cast<size_t>(i) * cpu::panel16_size(s.n, s.k));
    bias = pattern(s.n);
    c.resize(static_cast<size_t>(s.m * s.n));
    args.m = s.m;
    args.n = s.n;
    args.k = s.k;
    args.a = a.data();
    args.lda = s.k;
    args.b = cpu::panel16_matrix(weights.data(), s.k);
    args.bias = bias.data();
    args.c = c.data();
    args.ldc = s.n;
    if (s.gelu) args.activation.kind = cpu::Activation::Kind::Gelu;
    args.layer_norm = s.layer_norm;
    args.eps = 1e-6f;
    args.residual = s.residual ? c.data() : nullptr;
    args.ldr = s.n;
    scratch.resize(table.gemm_scratch_size(args));
    args.scratch = scratch.data();
  }
  void select_copy(int64_t i) {
    args.b.data =
        weights.data() + static_cast<size_t>(i % copies) * cpu::panel16_size(args.n, args.k);
  }
};

std::string gemm_name(const GemmCase& s) {
  return fmt::format("gemm {}x{}x{}{}{}{}", s.m, s.k, s.n, s.layer_norm ? " +norm" : "",
                     s.gelu ? " +gelu" : "", s.residual ? " +residual" : "");
}

void run_gemm(Context& context, const GemmCase& s) {
  const std::string name = gemm_name(s);
  if (!context.wants(name)) return;
  // Cold: enough copies of the weights that each call finds them in memory, as in a whole network.
  const int64_t bytes = s.n * s.k * 4;
  const int64_t copies = context.options.cold ? 1 + (int64_t{128} << 20) / bytes : 1;
  GemmProblem p(*context.table, s, copies);
  const int64_t panels = (s.n + 15) / 16;
  int64_t call = 0;
  const Timing t = time_calls(
      [&] {
        p.select_copy(call++);
        context.table->gemm_tile(p.args, 0, s.m, 0, panels);
      },
      context.options.seconds);
  report(context, {.op = "linear",
                   .name = name,
                   .timing = t,
                   .flops = 2.0 * static_cast<double>(s.m * s.n * s.k),
                   .peer = peer_best(context, peer_matmul(s.m, s.n, s.k, s.gelu, false)),
                   .peer_packed = peer_best(context, peer_matmul(s.m, s.n, s.k, s.gelu, true))});
}

void run_gemm_threads(Context& context, const GemmCase& s) {
  const int threads = context.options.threads;
  const std::string name = gemm_name(s) + fmt::format(" x{}", threads);
  if (threads < 2 || !context.wants(name)) return;
  GemmProblem p(*context.table, s, 1);
  const cpu::GemmGrid grid = cpu::gemm_grid(s.m, s.n, s.k, threads);
  const size_t scratch_size = context.table->gemm_scratch_size(p.args);
  Tensor scratch(scratch_size * static_cast<size_t>(threads));
  const int64_t panels = (s.n + 15) / 16;
  ThreadTeam team(threads);
  const Timing t = time_calls(
      [&] {
        team.parallel_for(grid.count(), [&](int64_t tile, int thread) {
          cpu::GemmArgs args = p.args;
          args.scratch = scratch.data() + scratch_size * static_cast<size_t>(thread);
          const int64_t row = tile / grid.panel_tiles * grid.rows;
          const int64_t panel = tile % grid.panel_tiles * grid.panels;
          context.table->gemm_tile(args, row, std::min(s.m, row + grid.rows), panel,
                                   std::min(panels, panel + grid.panels));
        });
      },
      context.options.seconds);
  report(context, {.op = "linear",
                   .name = name,
                   .timing = t,
                   .flops = 2.0 * static_cast<double>(s.m * s.n * s.k) / threads,
                   .threads = threads});
}

}  // namespace

void bench_gemm(Context& context) {
  const std::vector<GemmCase> cases = {
      {3136, 48, 64},   {3136, 64, 64},   {3136, 64, 256},  {3136, 256, 64}, {784, 256, 128},
      {784, 128, 128},  {784, 128, 512},  {784, 512, 128},  {196, 512, 320}, {196, 320, 960},
      {196, 320, 320},  {196, 320, 1280}, {196, 1280, 320}, {49, 1280, 512}, {49, 512, 1536},
      {49, 512, 512},   {49, 512, 2048},  {49, 2048, 512},  {1, 512, 1000},  {8, 512, 1000},
      {392, 512, 2048}, {1568, 320, 1280}};
  for (const GemmCase& s : cases) run_gemm(context, s);
  for (GemmCase s : {cases[2], cases[6], cases[11], cases[16]}) {
    s.gelu = true;
    run_gemm(context, s);
    s.layer_norm = true;
    run_gemm(context, s);
  }
  for (GemmCase s : {cases[3], cases[7], cases[12], cases[17]}) {
    s.residual = true;
    run_gemm(context, s);
  }
}

void bench_gemm_threads(Context& context) {
  for (const GemmCase& s : {GemmCase{3136, 64, 256},
                            {784, 128, 512},
                            {196, 320, 1280},
                            {196, 1280, 320},
                            {49, 512, 2048}})
    run_gemm_threads(context, s);
}

}  // namespace vitro::bench
