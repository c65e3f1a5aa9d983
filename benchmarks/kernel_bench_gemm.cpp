#include <fmt/core.h>

#include <algorithm>

#include "backends/cpu/kernels/panel16.h"
#include "core/thread_team.h"
#include "kernel_bench.h"

namespace vitro::bench {
namespace {

/// What is multiplied.
enum class Numbers { Floats, Codes, BFloat16 };

struct GemmCase {
  int64_t m, k, n;
  bool gelu = false;
  bool layer_norm = false;
  bool residual = false;
  Numbers numbers = Numbers::Floats;
  bool narrow = false;         ///< rows of A are codes or bfloat16 already
  bool narrow_result = false;  ///< C is made of what the next product reads
};

/// The arguments of one product with everything they point at.
struct GemmProblem {
  Tensor a, weights, bias, c, scratch, ones;
  std::vector<uint16_t, LineAllocator<uint16_t>> pairs, rows, result;
  std::vector<int8_t, LineAllocator<int8_t>> quantized_weights;
  std::vector<uint8_t, LineAllocator<uint8_t>> codes, result_codes;
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
    if (s.numbers == Numbers::Codes) quantize(s, w);
    if (s.numbers == Numbers::BFloat16) round(s);
    scratch.resize(table.gemm_scratch_size(args));
    args.scratch = scratch.data();
  }
  void quantize(const GemmCase& s, const Tensor& w) {
    std::vector<int8_t> rounded;
    for (float x : w) rounded.push_back(static_cast<int8_t>(127 * x));
    quantized_weights.resize(cpu::panel16x4_size(s.n, s.k) * static_cast<size_t>(copies));
    for (int64_t i = 0; i < copies; ++i)
      cpu::pack_panel16x4(
          rounded.data(), s.n, s.k,
          quantized_weights.data() + static_cast<size_t>(i) * cpu::panel16x4_size(s.n, s.k));
    ones.assign(static_cast<size_t>(std::max(s.n, s.k)), 1.0f);
    args.quantized = {quantized_weights.data(), ones.data(), {ones.data(), ones.data()}};
    codes.assign(static_cast<size_t>(s.m * cpu::code_stride(s.k)), 100);
    if (s.narrow) {
      args.codes = codes.data();
      args.lda = cpu::code_stride(s.k);
    }
    result_codes.resize(static_cast<size_t>(s.m * cpu::code_stride(s.n)));
    if (s.narrow_result) {
      args.result_codes = result_codes.data();
      args.ldc = cpu::code_stride(s.n);
      args.result = {ones.data(), ones.data()};
    }
  }
  void round(const GemmCase& s) {
    const size_t size = cpu::panel16x2_size(s.n, s.k);
    pairs.resize(size * static_cast<size_t>(copies));
    for (size_t i = 0; i < static_cast<size_t>(copies); ++i)
      cpu::pair_panel16(weights.data(), s.n, s.k, pairs.data() + i * size);
    args.pairs = pairs.data();
    rows.assign(static_cast<size_t>(s.m * cpu::bfloat16_stride(s.k)), 0x3f80);
    if (s.narrow) {
      args.a_bfloat16 = rows.data();
      args.lda = cpu::bfloat16_stride(s.k);
    }
    result.resize(static_cast<size_t>(s.m * cpu::bfloat16_stride(s.n)));
    if (s.narrow_result) {
      args.c_bfloat16 = result.data();
      args.ldc = cpu::bfloat16_stride(s.n);
    }
  }
  void select_copy(int64_t i) {
    const auto copy = static_cast<size_t>(i % copies);
    args.b.data = weights.data() + copy * cpu::panel16_size(args.n, args.k);
    if (args.pairs) args.pairs = pairs.data() + copy * cpu::panel16x2_size(args.n, args.k);
    if (args.quantized.data)
      args.quantized.data = quantized_weights.data() + copy * cpu::panel16x4_size(args.n, args.k);
  }
};

std::string gemm_name(const GemmCase& s) {
  const bool codes = s.numbers == Numbers::Codes;
  const char* numbers = codes ? " int8" : s.numbers == Numbers::BFloat16 ? " bf16" : "";
  return fmt::format("gemm {}x{}x{}{}{}{}{}{}{}", s.m, s.k, s.n, numbers,
                     !s.narrow ? ""
                     : codes   ? " +codes"
                               : " +rounded",
                     s.layer_norm ? " +norm" : "", s.gelu ? " +gelu" : "",
                     s.residual ? " +residual" : "",
                     !s.narrow_result ? ""
                     : codes          ? " +requantize"
                                      : " +round");
}

void run_gemm(Context& context, const GemmCase& s) {
  const std::string name = gemm_name(s);
  if (!context.wants(name)) return;
  // Cold: enough copies of the weights that each call finds them in memory, as in a whole network.
  const bool floats = s.numbers == Numbers::Floats;
  const int64_t bytes = s.n * s.k * (floats ? 4 : s.numbers == Numbers::Codes ? 1 : 2);
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
  report(context,
         {.op = "linear",
          .name = name,
          .timing = t,
          .flops = 2.0 * static_cast<double>(s.m * s.n * s.k),
          .peer =
              floats ? peer_best(context, peer_matmul(s.m, s.n, s.k, s.gelu, false)) : std::nan(""),
          .peer_packed = floats ? peer_best(context, peer_matmul(s.m, s.n, s.k, s.gelu, true))
                                : std::nan("")});
}

void run_gemm_threads(Context& context, const GemmCase& s) {
  const int threads = context.options.threads;
  const std::string name = gemm_name(s) + fmt::format(" x{}", threads);
  if (threads < 2 || !context.wants(name)) return;
  GemmProblem p(*context.table, s, 1);
  const cpu::GemmGrid grid =
      cpu::gemm_grid(s.m, s.n, s.k, threads, context.table->gemm_for(p.args).costs);
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

/// What this machine multiplies besides floats.
std::vector<Numbers> narrow_numbers(const Context& context) {
  std::vector<Numbers> numbers{Numbers::Codes};
  if (context.table->has_bfloat16()) numbers.push_back(Numbers::BFloat16);
  return numbers;
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
                            {49, 512, 2048},
                            {49, 2048, 512}}) {
    run_gemm_threads(context, s);
    GemmCase narrow = s;
    for (Numbers numbers : narrow_numbers(context)) {
      narrow.numbers = numbers;
      run_gemm_threads(context, narrow);
    }
  }
}

void bench_narrow_gemm(Context& context) {
  for (GemmCase s : {GemmCase{3136, 64, 256},
                     {3136, 256, 64},
                     {784, 128, 512},
                     {784, 512, 128},
                     {196, 320, 1280},
                     {196, 1280, 320},
                     {49, 512, 2048},
                     {49, 2048, 512},
                     {3136, 48, 64},
                     {1, 512, 1000}}) {
    for (Numbers numbers : narrow_numbers(context)) {
      s.numbers = numbers;
      s.layer_norm = s.gelu = s.narrow_result = false;
      run_gemm(context, s);
      s.narrow = true;
      run_gemm(context, s);
      s.narrow = false;
      s.layer_norm = s.gelu = true;
      run_gemm(context, s);
      s.narrow_result = true;
      run_gemm(context, s);
    }
  }
}

}  // namespace vitro::bench
