// Times every CPU kernel on the shapes of UniFormer-S, one thread pinned to a core, beside the same
// work in oneDNN, and relates it to the multiply-add peak of the core.
#include <fmt/core.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <optional>

#include "core/check.h"
#include "core/file_io.h"
#include "kernel_bench.h"

namespace vitro::bench {

Tensor pattern(int64_t count) {
  Tensor values(static_cast<size_t>(count));
  uint32_t state = 1;
  for (float& v : values) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

double peer_best(const Context& context, const PeerRun& run) {
  if (!run) return std::nan("");
  return time_calls(run, context.options.seconds).best;
}

namespace {

void pin_to_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

double measure_peak(const cpu::KernelTable& table) {
  constexpr int64_t kIterations = 100000;
  volatile float sink = 0;
  const Timing t = time_calls([&] { sink = sink + table.fma_probe(kIterations); }, 0.2);
  return 2.0 * table.probe_multiply_adds * kIterations / t.best;
}

cpu::Isa choose_isa(const Options& options) {
  if (options.isa.empty()) return cpu::select_isa();
  for (cpu::Isa isa : cpu::available_isas())
    if (options.isa == cpu::isa_name(isa)) return isa;
  fail(ErrorCode::InvalidArgument, "--isa: got '{}', which this machine lacks", options.isa);
}

/// Before run_single(): a pinned main thread would hand its mask on to the team.
void run_threads(Context& context) {
  if (context.options.threads < 2) return;
  bench_gemm_threads(context);
}

void run_single(Context& context) {
  pin_to_core(sched_getcpu());
  bench_gemm(context);
  bench_narrow_gemm(context);
  bench_patches(context);
  bench_depthwise(context);
  bench_attention(context);
  bench_rows(context);
}

void run(const Options& options) {
  Context context;
  context.options = options;
  context.isa = choose_isa(options);
  context.table = &cpu::kernels(context.isa);
  context.peak = measure_peak(*context.table);
  fmt::print("isa {}, multiply-add peak {:.1f} GFLOP/s per core, peer {}{}\n",
             cpu::isa_name(context.isa), context.peak * 1e-9, peer_name(),
             options.cold ? ", cold weights" : "");
  std::optional<AtomicFile> file;  // opened now: a wrong path is no news for the end
  if (!options.json.empty()) file.emplace(options.json);
  run_threads(context);
  run_single(context);
  if (!file) return;
  file->write(lines_json(context));
  file->commit();
}

}  // namespace
}  // namespace vitro::bench

int main(int argc, char** argv) {
  vitro::bench::Options options;
  CLI::App app{"Times the CPU kernels; see the head of benchmarks/kernels.cpp"};
  app.add_option("--isa", options.isa, "scalar, avx2 or avx512; the best by default");
  app.add_option("--filter", options.filter, "only lines whose name contains this");
  app.add_option("--seconds", options.seconds, "time spent on each line");
  app.add_option("--threads", options.threads, "threads of the parallel lines; 1 leaves them out");
  app.add_flag("--cold", options.cold,
               "rotate copies of the weights so that they come from memory");
  app.add_option("--json", options.json, "also write the lines to this file");
  CLI11_PARSE(app, argc, argv);
  try {
    vitro::bench::run(options);
  } catch (const vitro::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
