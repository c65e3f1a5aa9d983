#include <cuda_fp16.h>
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backends/cuda/kernels/conv2d.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/kernels/linear_cost.h"
#include "backends/cuda/kernels/linear_mma.h"
#include "backends/cuda/kernels/mlp.h"
#include "cuda/format.h"
#include "cuda/graph_timing.h"

// Every product of UniFormer-S at 224 x 224, in float16 unless --precision says otherwise: graphs
// of dependent launches, each with weights of its own as in the network, on every tile that is not
// hopeless.
namespace vitro::cuda {
namespace {

constexpr int kNodes = 16, kWeightSets = 8;
constexpr int kRowParts = 5;  // that whatever made the rows of a norm has left sums of

/// Device memory of values in [-0.5, 0.5), so that multipliers toggle as they do on data.
class Noise {
 public:
  explicit Noise(size_t bytes, bool floats = false) {
    check_cuda(cudaMalloc(&data_, bytes), "cudaMalloc");
    const size_t block = std::min<size_t>(bytes, 4 << 20);
    std::vector<__half> halves(block / 2);
    std::vector<float> singles(block / 4);
    uint32_t state = 1;
    const auto next = [&] {
      state = state * 1664525u + 1013904223u;
      return static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    };
    for (__half& v : halves) v = __float2half(next());
    for (float& v : singles) v = next();
    const void* source = floats ? static_cast<const void*>(singles.data()) : halves.data();
    for (size_t at = 0; at < bytes; at += block)
      check_cuda(cudaMemcpy(static_cast<char*>(data_) + at, source, std::min(block, bytes - at),
                            cudaMemcpyDefault),
                 "cudaMemcpy");
  }
  ~Noise() { cudaFree(data_); }
  Noise(const Noise&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(data_); }
  const float* floats() const { return static_cast<const float*>(data_); }

 private:
  void* data_ = nullptr;
};

struct Product {
  const char* name;
  int count;   // in the network
  int tokens;  // of an image
  int k, n;
  bool layer_norm, gelu, residual;
};
constexpr Product kProducts[] = {{"s1.conv1", 3, 3136, 64, 64, false, false, false},
                                 {"s1.conv2", 3, 3136, 64, 64, false, false, true},
                                 {"s1.fc1", 3, 3136, 64, 256, false, true, false},
                                 {"s1.fc2", 3, 3136, 256, 64, false, false, true},
                                 {"s2.conv1", 4, 784, 128, 128, false, false, false},
                                 {"s2.conv2", 4, 784, 128, 128, false, false, true},
                                 {"s2.fc1", 4, 784, 128, 512, false, true, false},
                                 {"s2.fc2", 4, 784, 512, 128, false, false, true},
                                 {"s3.qkv", 8, 196, 320, 960, true, false, false},
                                 {"s3.proj", 8, 196, 320, 320, false, false, true},
                                 {"s3.fc1", 8, 196, 320, 1280, true, true, false},
                                 {"s3.fc2", 8, 196, 1280, 320, false, false, true},
                                 {"s4.qkv", 3, 49, 512, 1536, true, false, false},
                                 {"s4.proj", 3, 49, 512, 512, false, false, true},
                                 {"s4.fc1", 3, 49, 512, 2048, true, true, false},
                                 {"s4.fc2", 3, 49, 2048, 512, false, false, true}};

struct Embedding {
  const char* name;
  int size, c, o, stride;  // size of the input
};
constexpr Embedding kEmbeddings[] = {{"pe1", 224, 3, 64, 4},
                                     {"pe2", 56, 64, 128, 2},
                                     {"pe3", 28, 128, 320, 2},
                                     {"pe4", 14, 320, 512, 2}};

struct Report {
  Format format;
  int num_sms = 132;
  nlohmann::json rows = nlohmann::json::array();
  double total = 0, total_chosen = 0;

  void time(const std::string& op, const std::string& tile, bool chosen, int batch, double gflop,
            const std::function<void(int, const Launch&)>& enqueue, double& best) {
    const double overlap = graph_microseconds(kNodes, true, enqueue);
    nlohmann::json row{
        {"op", op}, {"tile", tile}, {"batch", batch}, {"us_overlap", overlap}, {"chosen", chosen}};
    std::string plain_text;
    if (chosen) {
      const double plain = graph_microseconds(kNodes, false, enqueue);
      row["us"] = plain;
      plain_text = fmt::format("{:8.2f} plain", plain);
    }
    rows.push_back(row);
    fmt::print("{:9} b{:<4}{:16} {:8.2f} us {:6.1f} TFLOP/s {}{}\n", op, batch, tile, overlap,
               gflop * 1e3 / overlap, chosen ? "*" : " ", plain_text);
    std::fflush(stdout);
    best = std::min(best, overlap);
  }
};

void time_linear(Report& report, const Product& p, int batch, const Noise& weights,
                 const Noise& vectors) {
  LinearArgs a;
  const Format& f = report.format;
  a.element = f.element, a.tf32 = f.tf32;
  a.m = batch * p.tokens, a.n = p.n, a.k = p.k;
  a.layer_norm = p.layer_norm, a.bias = vectors.floats(), a.weight_sums = vectors.floats() + 4096;
  if (p.gelu) a.activation = {UnaryOp::Gelu};
  const size_t x_bytes = f.size() * a.m * a.k, y_bytes = f.size() * a.m * a.n;
  const Noise x(2 * x_bytes, f.wide()), y(2 * y_bytes, f.wide()), residual(2 * y_bytes, f.wide());
  const Noise row_sums(8ull * kRowParts * a.m, true);
  a.x = x.data(), a.weight = weights.data(), a.y = y.data(),
  a.weight_parts = f.wide() && !f.tf32 ? weights.floats() : nullptr,
  a.residual = p.residual ? residual.data() : nullptr;
  if (p.layer_norm)
    a.row_sums = reinterpret_cast<const float2*>(row_sums.data()), a.row_parts = kRowParts;
  const int chosen = choose_linear_tile(a, report.num_sms, 90),
            slabs = (a.k * static_cast<int>(f.size()) + 127) / 128;
  const auto cycles = [&](int i) {
    return expected_cycles(linear_tiles()[static_cast<size_t>(i)], a.m, a.n, slabs, report.num_sms);
  };
  double best = 1e30, at_chosen = 1e30;
  for (int tile = 1; tile < static_cast<int>(linear_tiles().size()); ++tile) {
    if (linear_refusal(a, tile, compute_capability()) != nullptr ||
        cycles(tile) > 2.5 * cycles(chosen))
      continue;
    report.time(
        p.name, linear_tiles()[static_cast<size_t>(tile)].name, tile == chosen, batch,
        2e-9 * a.m * a.n * a.k,
        [&](int i, const Launch& launch) {
          LinearArgs b = a;
          b.x = x.data() + i % 2 * x_bytes, b.y = y.data() + i % 2 * y_bytes;
          if (p.residual) b.residual = residual.data() + i % 2 * y_bytes;
          b.weight = weights.data() + i % kWeightSets * (f.size() * a.n * a.k);
          if (a.weight_parts != nullptr)
            b.weight_parts = weights.floats() + i % kWeightSets * 2 * a.n * a.k;
          linear(b, tile, launch);
        },
        tile == chosen ? at_chosen : best);
  }
  report.total += p.count * std::min(best, at_chosen), report.total_chosen += p.count * at_chosen;
}

void time_embedding(Report& report, const Embedding& e, int batch, const Noise& weights,
                    const Noise& vectors) {
  Conv2dArgs a;
  const Format& f = report.format;
  a.element = f.element, a.tf32 = f.tf32;
  a.image = e.c == 3;
  a.n = batch, a.h = a.w = e.size, a.c = e.c, a.o = e.o;
  a.oh = a.ow = e.size / e.stride, a.kh = a.kw = a.stride_y = a.stride_x = e.stride;
  const size_t x_bytes = (a.image ? 4 : f.size()) * batch * e.size * e.size * e.c;
  const Noise x(x_bytes, a.image || f.wide()), y(f.size() * batch * a.oh * a.ow * e.o);
  a.x = x.data(), a.weight = weights.data(), a.y = y.data();
  a.weight_parts = f.wide() && !f.tf32 ? weights.floats() : nullptr;
  a.bias = vectors.floats(), a.gamma = vectors.floats() + 4096, a.beta = vectors.floats() + 8192;
  const int chosen = choose_conv2d_tile(a, report.num_sms, 90);
  double best = 1e30, at_chosen = 1e30;
  for (int tile = 1; tile < static_cast<int>(linear_tiles().size()); ++tile) {
    if (conv2d_refusal(a, tile, compute_capability()) != nullptr) continue;
    report.time(
        e.name, linear_tiles()[static_cast<size_t>(tile)].name, tile == chosen, batch,
        2e-9 * batch * a.oh * a.ow * e.o * e.c * e.stride * e.stride,
        [&](int i, const Launch& launch) {
          Conv2dArgs b = a;
          b.weight =
              weights.data() + i % kWeightSets * (f.size() * e.o * e.c * e.stride * e.stride);
          conv2d(b, tile, launch);
        },
        tile == chosen ? at_chosen : best);
  }
  report.total += std::min(best, at_chosen), report.total_chosen += at_chosen;
}

struct Mlp {
  const char* name;
  int tokens, c;
};
constexpr Mlp kMlps[] = {{"s1.mlp", 3136, 64}, {"s2.mlp", 784, 128}};

void time_mlp(Report& report, const Mlp& p, int batch, const Noise& weights, const Noise& vectors) {
  MlpArgs a;
  a.element = report.format.element;
  a.m = batch * p.tokens, a.c = p.c, a.hidden = 4 * p.c;
  const size_t bytes = 2ull * a.m * a.c, weight_bytes = 2ull * a.c * a.hidden;
  const Noise x(2 * bytes), y(2 * bytes);
  a.x = x.data(), a.fc1_weight = a.fc2_weight = weights.data(), a.y = y.data();
  a.fc1_bias = vectors.floats(), a.fc2_bias = vectors.floats() + 4096;
  const int chosen = choose_mlp_tile(a, report.num_sms, 90);
  double best = 1e30;
  for (int tile = 0; tile < static_cast<int>(mlp_tiles().size()); ++tile) {
    if (mlp_refusal(a, tile, compute_capability()) != nullptr ||
        (batch > 8 && mlp_tiles()[static_cast<size_t>(tile)].rows < 64))
      continue;
    report.time(
        p.name, mlp_tiles()[static_cast<size_t>(tile)].name, tile == chosen, batch,
        4e-9 * a.m * a.c * a.hidden,
        [&](int i, const Launch& launch) {
          MlpArgs b = a;
          b.x = x.data() + i % 2 * bytes, b.y = y.data() + i % 2 * bytes;
          b.fc1_weight = weights.data() + i % kWeightSets * 2 * weight_bytes;
          b.fc2_weight = weights.data() + (i % kWeightSets * 2 + 1) * weight_bytes;
          mlp(b, tile, launch);
        },
        best);
  }
}

/// qkv, proj, fc1, fc2 of a block one after the other, each on its chosen tile: x [m, c] in place.
void time_block(Report& report, const char* name, int tokens, int c, int batch,
                const Noise& weights, const Noise& vectors) {
  const int m = batch * tokens;
  const Format& f = report.format;
  const Noise x(f.size() * m * c, f.wide()), wide(4 * f.size() * m * c, f.wide()),
      row_sums(8ull * kRowParts * m, true);
  LinearArgs a[4];
  const int n[4] = {3 * c, c, 4 * c, c}, k[4] = {c, c, c, 4 * c};
  int tiles[4];
  size_t at[5] = {0};
  for (int j = 0; j < 4; ++j) {
    a[j].element = f.element, a[j].tf32 = f.tf32;
    a[j].m = m, a[j].n = n[j], a[j].k = k[j], a[j].bias = vectors.floats(),
    a[j].weight_sums = vectors.floats() + 4096;
    a[j].layer_norm = j % 2 == 0, a[j].weight = weights.data();
    a[j].weight_parts = f.wide() && !f.tf32 ? weights.floats() : nullptr;
    if (j == 2) a[j].activation = {UnaryOp::Gelu};
    a[j].x = j % 2 == 0 ? x.data() : wide.data(), a[j].y = j % 2 == 0 ? wide.data() : x.data();
    a[j].residual = j % 2 == 0 ? nullptr : x.data();
    if (j % 2 == 0)
      a[j].row_sums = reinterpret_cast<const float2*>(row_sums.data()), a[j].row_parts = kRowParts;
    tiles[j] = choose_linear_tile(a[j], report.num_sms, 90);
    at[j + 1] = at[j] + f.size() * n[j] * k[j];
  }
  double best = 1e30;
  report.time(
      name, "block", true, batch, 2e-9 * m * 12.0 * c * c,
      [&](int i, const Launch& launch) {
        for (int j = 0; j < 4; ++j) {
          LinearArgs b = a[j];
          b.weight = weights.data() + i % 4 * at[4] + at[j];
          if (a[j].weight_parts != nullptr)
            b.weight_parts = weights.floats() + (i % 4 * at[4] + at[j]) / 2;
          linear(b, tiles[j], launch);
        }
      },
      best);
}

void run(const Format& format, const char* path, const std::string& only, int only_batch) {
  cudaDeviceProp device;
  check_cuda(cudaGetDeviceProperties(&device, 0), "device");
  // Those of float32 twice: as parts, too.
  const Noise weights((format.wide() ? 2 : 1) * format.size() *
                          (4ull * 12 * 512 * 512 + kWeightSets * 2048ull * 1024),
                      format.wide()),
      vectors(1 << 20, true);
  nlohmann::json totals;
  Report report{format, device.multiProcessorCount};
  for (const int batch : {1, 8, 32, 128}) {
    if (only_batch != 0 && batch != only_batch) continue;
    report.total = report.total_chosen = 0;
    for (const Embedding& e : kEmbeddings)
      if (std::string(e.name).find(only) != std::string::npos)
        time_embedding(report, e, batch, weights, vectors);
    for (const Product& p : kProducts)
      if (std::string(p.name).find(only) != std::string::npos)
        time_linear(report, p, batch, weights, vectors);
    for (const Mlp& p : kMlps)
      if (!format.wide() && std::string(p.name).find(only) != std::string::npos)
        time_mlp(report, p, batch, weights, vectors);
    if (std::string("s3.block").find(only) != std::string::npos)
      time_block(report, "s3.block", 196, 320, batch, weights, vectors);
    if (std::string("s4.block").find(only) != std::string::npos)
      time_block(report, "s4.block", 49, 512, batch, weights, vectors);
    fmt::print("b{}: {:.1f} us on the best tiles, {:.1f} us on the chosen ones\n", batch,
               report.total, report.total_chosen);
    totals[std::to_string(batch)] = {{"best_us", report.total}, {"chosen_us", report.total_chosen}};
  }
  if (path != nullptr)
    std::ofstream(path)
        << nlohmann::json{{"device", device.name}, {"totals", totals}, {"rows", report.rows}}.dump(
               1)
        << "\n";
}

}  // namespace
}  // namespace vitro::cuda

int main(int argc, char** argv) {
  try {
    const vitro::cuda::Format format = vitro::cuda::take_format(argc, argv);
    vitro::cuda::run(format, argc > 1 ? argv[1] : nullptr, argc > 2 ? argv[2] : "",
                     argc > 3 ? std::stoi(argv[3]) : 0);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
