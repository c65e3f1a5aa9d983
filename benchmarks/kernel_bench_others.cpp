#include <fmt/core.h>

#include "backends/cpu/kernels/panel16.h"
#include "kernel_bench.h"

namespace vitro::bench {
namespace {

struct PatchCase {
  int64_t size, channels, kernel, out_channels;
};

void run_patches(Context& context, const PatchCase& s) {
  const std::string name = fmt::format("patches {0}x{0}x{1} {2}x{2} -> {3}", s.size, s.channels,
                                       s.kernel, s.out_channels);
  if (!context.wants(name)) return;
  const Tensor input = pattern(s.size * s.size * s.channels);
  const int64_t k = s.kernel * s.kernel * s.channels;
  const Tensor w = pattern(s.out_channels * k);
  Tensor packed(cpu::panel16_size(s.out_channels, k));
  cpu::pack_panel16(w.data(), s.out_channels, k, packed.data());
  const cpu::PatchSource patches = {.input = input.data(),
                                    .in_h = s.size,
                                    .in_w = s.size,
                                    .channels = s.channels,
                                    .kernel_h = s.kernel,
                                    .kernel_w = s.kernel,
                                    .out_h = s.size / s.kernel,
                                    .out_w = s.size / s.kernel,
                                    .stride_h = s.kernel,
                                    .stride_w = s.kernel,
                                    .pixel_stride = s.channels};
  cpu::GemmArgs args;
  args.m = (s.size / s.kernel) * (s.size / s.kernel);
  args.n = s.out_channels;
  args.k = k;
  args.patches = &patches;
  args.b = cpu::panel16_matrix(packed.data(), k);
  Tensor c(static_cast<size_t>(args.m * args.n));
  args.c = c.data();
  args.ldc = args.n;
  Tensor scratch(context.table->gemm_scratch_size(args));
  args.scratch = scratch.data();
  const Timing t =
      time_calls([&] { context.table->gemm_tile(args, 0, args.m, 0, (args.n + 15) / 16); },
                 context.options.seconds);
  report(context, {.op = "conv",
                   .name = name,
                   .timing = t,
                   .flops = 2.0 * static_cast<double>(args.m * args.n * args.k),
                   .peer = peer_best(context, peer_patches(s.size, s.size, s.channels, s.kernel,
                                                           s.out_channels))});
}

void run_depthwise(Context& context, int64_t size, int64_t channels, int64_t kernel) {
  const std::string name = fmt::format("depthwise {0}x{0} {1}x{1}x{2}", kernel, size, channels);
  if (!context.wants(name)) return;
  const Tensor input = pattern(size * size * channels);
  const Tensor weights = pattern(kernel * kernel * channels);
  const Tensor bias = pattern(channels);
  Tensor output(input.size());
  cpu::DepthwiseArgs d;
  d.input = input.data();
  d.weights = weights.data();
  d.bias = bias.data();
  d.output = output.data();
  d.in_h = d.in_w = d.out_h = d.out_w = size;
  d.channels = channels;
  d.kernel_h = d.kernel_w = kernel;
  d.pad_top = d.pad_left = kernel / 2;
  const Timing t =
      time_calls([&] { context.table->depthwise(d, 0, size); }, context.options.seconds);
  report(context, {.op = "depthwise_conv2d",
                   .name = name,
                   .timing = t,
                   .flops = 2.0 * static_cast<double>(size * size * channels * kernel * kernel),
                   .peer = peer_best(context, peer_depthwise(size, size, channels, kernel))});
}

void run_attention(Context& context, int64_t tokens, int64_t heads, int64_t head_dim,
                   bool bfloat16) {
  const std::string name = fmt::format("attention {} tokens {} heads x {}{}", tokens, heads,
                                       head_dim, bfloat16 ? " bf16" : "");
  if (!context.wants(name)) return;
  const int64_t channels = heads * head_dim;
  const Tensor qkv = pattern(tokens * 3 * channels);
  Tensor out(static_cast<size_t>(tokens * channels));
  Tensor scratch(cpu::attention_scratch_size(tokens, head_dim));
  cpu::AttentionArgs a = {tokens, heads, head_dim, qkv.data(), out.data(), 0.125, scratch.data()};
  std::vector<uint16_t, LineAllocator<uint16_t>> rounded(
      static_cast<size_t>(tokens * cpu::bfloat16_stride(3 * channels)));
  const cpu::KernelTable& table = *context.table;
  if (bfloat16) {
    table.bfloat16.round(qkv.data(), tokens, 3 * channels, rounded.data());
    a.qkv_bfloat16 = rounded.data();
  }
  const cpu::Attention attention = bfloat16 ? table.bfloat16.attention : table.attention;
  const Timing t = time_calls(
      [&] {
        for (int64_t head = 0; head < heads; ++head) attention(a, head, 0, tokens);
      },
      context.options.seconds);
  report(context, {.op = "attention",
                   .name = name,
                   .timing = t,
                   .flops = 4.0 * static_cast<double>(tokens * tokens * channels)});
}

template <class F>
void run_rows(Context& context, const std::string& op, const std::string& shape, double bytes,
              F call) {
  const std::string name = op + " " + shape;
  if (!context.wants(name)) return;
  report(context, {.op = op,
                   .name = name,
                   .timing = time_calls(call, context.options.seconds),
                   .bytes = bytes});
}

}  // namespace

void bench_patches(Context& context) {
  run_patches(context, {224, 3, 4, 64});
  run_patches(context, {56, 64, 2, 128});
  run_patches(context, {28, 128, 2, 320});
  run_patches(context, {14, 320, 2, 512});
}

void bench_depthwise(Context& context) {
  run_depthwise(context, 56, 64, 3);
  run_depthwise(context, 56, 64, 5);
  run_depthwise(context, 28, 128, 3);
  run_depthwise(context, 28, 128, 5);
  run_depthwise(context, 14, 320, 3);
  run_depthwise(context, 7, 512, 3);
}

void bench_attention(Context& context) {
  for (const bool bfloat16 : {false, true}) {
    if (bfloat16 && !context.table->has_bfloat16()) continue;
    run_attention(context, 196, 5, 64, bfloat16);
    run_attention(context, 49, 8, 64, bfloat16);
    run_attention(context, 196, 10, 32, bfloat16);
    run_attention(context, 784, 2, 64, bfloat16);
  }
}

void bench_rows(Context& context) {
  const int64_t rows = 196;
  const int64_t channels = 320;
  const std::string shape = "196x320";
  const Tensor x = pattern(rows * channels);
  Tensor y(x.size());
  const double bytes = 8.0 * static_cast<double>(x.size());
  const int64_t count = rows * channels;
  const cpu::KernelTable& table = *context.table;
  run_rows(context, "layer_norm", shape, bytes, [&] {
    table.layer_norm({x.data(), y.data(), channels, 1e-6f, x.data(), x.data()}, 0, rows);
  });
  run_rows(context, "softmax", shape, bytes, [&] {
    table.softmax({x.data(), y.data(), channels}, 0, rows);
  });
  run_rows(context, "gelu", shape, bytes, [&] {
    table.activate({cpu::Activation::Kind::Gelu},
                   {.x = x.data(), .dst = y.data(), .columns = count});
  });
  run_rows(context, "add", shape, 1.5 * bytes, [&] {
    table.binary[static_cast<size_t>(cpu::BinaryKind::Add)](
        {x.data(), 1, x.data(), 1, count, y.data()});
  });
  run_rows(context, "mean_tokens", shape, bytes / 2, [&] {
    table.reduce_of(cpu::ReduceKind::Mean).tokens(x.data(), rows, channels, 0, channels, y.data());
  });
}

}  // namespace vitro::bench
