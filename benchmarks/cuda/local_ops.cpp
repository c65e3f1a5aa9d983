// Times every op of UniFormer-S (224 x 224) that is no matrix product, on the GPU.
//   cuda_local_benchmark [--precision fp16] [out.json [op [batch]]]
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backends/cuda/kernels/attention.h"
#include "backends/cuda/kernels/depthwise_conv2d.h"
#include "backends/cuda/kernels/layer_norm.h"
#include "backends/cuda/kernels/local_block.h"
#include "backends/cuda/kernels/local_mixer.h"
#include "backends/cuda/kernels/reduce.h"
#include "backends/cuda/kernels/strided_copy.h"
#include "backends/cuda/kernels/transformer_blocks.h"
#include "cuda/format.h"
#include "cuda/graph_timing.h"

namespace vitro::cuda {
namespace {

constexpr int kNodes = 24;  // launches in a graph
constexpr int kSets = 3;    // of tensors that they take in turn

/// Pseudo-random elements on the device: float16 of magnitude 0.5 to 1, or float32 below 0.01.
class Memory {
 public:
  explicit Memory(size_t bytes) {
    static const std::vector<uint16_t> kPattern = pattern();
    check_cuda(cudaMalloc(&data_, bytes), "cudaMalloc");
    for (size_t done = 0; done < bytes; done += kPattern.size() * 2)
      check_cuda(cudaMemcpy(static_cast<char*>(data_) + done, kPattern.data(),
                            std::min(bytes - done, kPattern.size() * 2), cudaMemcpyHostToDevice),
                 "cudaMemcpy");
  }
  ~Memory() { cudaFree(data_); }
  Memory(const Memory&) = delete;
  void* data() const { return data_; }
  const float* floats() const { return static_cast<const float*>(data_); }

 private:
  static std::vector<uint16_t> pattern() {
    std::vector<uint16_t> result(2 << 20);
    uint32_t state = 1;
    for (uint16_t& v : result) {
      state = state * 1664525u + 1013904223u;
      v = static_cast<uint16_t>((state >> 16 & 0x83ff) | 0x3800);
    }
    return result;
  }
  void* data_ = nullptr;
};

/// Inputs and outputs of one op, in kSets sets, and its weights.
struct Tensors {
  std::vector<std::unique_ptr<Memory>> x, y;
  Memory weights{4 << 20};
  Tensors(size_t x_bytes, size_t y_bytes) {
    for (int i = 0; i < kSets; ++i) {
      x.push_back(std::make_unique<Memory>(x_bytes));
      y.push_back(std::make_unique<Memory>(y_bytes));
    }
  }
  const float* floats() const { return weights.floats(); }
};

struct Report {
  Format format;
  std::string only;  // a part of the names of the ops to time
  nlohmann::json rows = nlohmann::json::array();

  /// `megabytes` are those of the activations, each moved once.
  void time(const std::string& op, const std::string& variant, int batch, double megabytes,
            const std::function<void(int, const Launch&)>& enqueue) {
    if (op.find(only) == std::string::npos) return;
    const double plain = graph_microseconds(kNodes, false, enqueue);
    const double overlap = graph_microseconds(kNodes, true, enqueue);
    rows.push_back({{"op", op},
                    {"variant", variant},
                    {"batch", batch},
                    {"us", plain},
                    {"us_overlap", overlap},
                    {"megabytes", megabytes}});
    fmt::print("{:32} {:10} b{:<4} {:8.2f} us, overlapping {:8.2f} us, {:6.0f} GB/s\n", op, variant,
               batch, plain, overlap, megabytes * 1e3 / std::min(plain, overlap));
    std::fflush(stdout);
  }
};

struct Stage {
  int size, c;
  int tokens() const { return size * size; }
};
constexpr Stage kStages[] = {{56, 64}, {28, 128}, {14, 320}, {7, 512}};

size_t map_bytes(const Report& report, const Stage& s, int batch) {
  return report.format.size() * static_cast<size_t>(batch) * s.tokens() * s.c;
}
std::string name(const char* op, const Stage& s) {
  return fmt::format("{} {}x{}x{}", op, s.size, s.size, s.c);
}

void time_depthwise(Report& report, const Stage& s, int kernel, int batch) {
  const Tensors t(map_bytes(report, s, batch), map_bytes(report, s, batch));
  report.time(name(kernel == 3 ? "depthwise_conv2d 3" : "depthwise_conv2d 5", s), "", batch,
              2e-6 * static_cast<double>(map_bytes(report, s, batch)),
              [&](int i, const Launch& launch) {
                DepthwiseConv2dArgs a;
                a.element = report.format.element;
                a.x = t.x[i % kSets]->data(), a.y = t.y[i % kSets]->data();
                a.weight = t.floats(), a.bias = t.floats() + 25 * s.c;
                a.n = batch, a.h = a.w = a.oh = a.ow = s.size, a.c = s.c;
                a.kh = a.kw = kernel, a.pad_top = a.pad_left = kernel / 2;
                depthwise_conv2d(a, launch);
              });
}

void time_layer_norm(Report& report, const Stage& s, int batch) {
  const Tensors t(map_bytes(report, s, batch), map_bytes(report, s, batch));
  report.time(
      name("layer_norm", s), "", batch, 2e-6 * static_cast<double>(map_bytes(report, s, batch)),
      [&](int i, const Launch& launch) {
        layer_norm({report.format.element, t.x[i % kSets]->data(), t.floats(), t.floats() + s.c,
                    t.y[i % kSets]->data(), static_cast<int64_t>(batch) * s.tokens(), s.c, 1e-5f},
                   launch);
      });
}

void time_attention(Report& report, const Stage& s, int batch) {
  const Tensors t(3 * map_bytes(report, s, batch), map_bytes(report, s, batch));
  for (const auto& [variant, label] :
       {std::pair{AttentionVariant::SplitKeys, "split_keys"},
        std::pair{AttentionVariant::Wgmma, "wgmma"}, std::pair{AttentionVariant::Rows, "rows"}}) {
    if (variant == AttentionVariant::SplitKeys && batch > 8) continue;
    report.time(name("attention", s), label, batch,
                4e-6 * static_cast<double>(map_bytes(report, s, batch)),
                [&, variant = variant](int i, const Launch& launch) {
                  attention({.element = report.format.element,
                             .qkv = t.x[i % kSets]->data(),
                             .context = t.y[i % kSets]->data(),
                             .n = batch,
                             .t = s.tokens(),
                             .heads = s.c / 64,
                             .head_dim = 64,
                             .scale = 0.125f,
                             .tf32 = report.format.tf32},
                            variant, launch);
                });
  }
}

LocalMixerArgs local_mixer_args(const Report& report, const Tensors& t, const Stage& s, int batch,
                                int i) {
  LocalMixerArgs a;
  a.element = report.format.element;
  const float* w = t.floats();
  a.x = t.x[i % kSets]->data(), a.y = t.y[i % kSets]->data();
  a.pos_weight = w, a.pos_bias = w + 9 * s.c, a.conv1_bias = w + 10 * s.c;
  a.spatial_weight = w + 12 * s.c, a.conv2_bias = w + 40 * s.c;
  a.conv1_weight = w + 64 * s.c, a.conv2_weight = w + 128 * s.c;
  a.n = batch, a.h = a.w = s.size, a.c = s.c;
  return a;
}

void time_local_mixer(Report& report, const Stage& s, int batch) {
  const Tensors t(map_bytes(report, s, batch), map_bytes(report, s, batch));
  for (const auto& [tile, label] :
       {std::pair{LocalMixerTile::Small, "small"}, std::pair{LocalMixerTile::Medium, "medium"},
        std::pair{LocalMixerTile::Large, "large"}}) {
    if (s.c == 64 && tile == LocalMixerTile::Medium) continue;  // is the large one
    report.time(name("local_mixer", s), label, batch,
                2e-6 * static_cast<double>(map_bytes(report, s, batch)),
                [&, tile = tile](int i, const Launch& launch) {
                  local_mixer(local_mixer_args(report, t, s, batch, i), tile, launch);
                });
  }
}

void time_local_block(Report& report, const Stage& s, int batch) {
  const Tensors t(map_bytes(report, s, batch), map_bytes(report, s, batch));
  for (const auto& [tile, label] :
       {std::pair{LocalBlockTile::Small, "small"}, std::pair{LocalBlockTile::Medium, "medium"}}) {
    if (s.c == 64 && tile == LocalBlockTile::Medium) continue;  // is the small one
    report.time(name("local_block", s), label, batch,
                2e-6 * static_cast<double>(map_bytes(report, s, batch)),
                [&, tile = tile](int i, const Launch& launch) {
                  LocalBlockArgs a;
                  a.mixer = local_mixer_args(report, t, s, batch, i);
                  a.mlp.element = report.format.element;
                  const float* w = t.floats() + 192 * s.c;
                  a.mlp.fc1_weight = w, a.mlp.fc2_weight = w + 2 * s.c * s.c;
                  a.mlp.fc1_bias = w + 4 * s.c * s.c, a.mlp.fc2_bias = a.mlp.fc1_bias + 4 * s.c;
                  a.mlp.y = t.y[i % kSets]->data();
                  a.mlp.c = s.c, a.mlp.hidden = 4 * s.c;
                  local_block(a, tile, launch);
                });
  }
}

/// Of one image; `blocks` follow each other in a launch.
void time_transformer_blocks(Report& report, const Stage& s, int blocks) {
  TransformerBlocksArgs args;
  args.element = report.format.element;
  args.h = args.w = s.size, args.c = s.c, args.blocks = blocks, args.scale = 0.125f;
  if (!transformer_blocks_refusal(args).empty()) return;
  const Tensors t(map_bytes(report, s, 1), map_bytes(report, s, 1));
  const Memory scratch(transformer_blocks_scratch_bytes(args));
  const size_t bytes = packed_transformer_block_bytes(s.c);
  const Memory packed(bytes * static_cast<size_t>(blocks));
  args.scratch = scratch.data();
  for (int block = 0; block < blocks; ++block)
    args.packed[block] = static_cast<char*>(packed.data()) + bytes * static_cast<size_t>(block);
  report.time(name("transformer_blocks", s), fmt::format("{} blocks", blocks), 1,
              1e-6 * static_cast<double>(bytes) * blocks, [&](int i, const Launch& launch) {
                args.x = t.x[i % kSets]->data(), args.y = t.y[i % kSets]->data();
                transformer_blocks(args, launch);
              });
}

void time_ends(Report& report, int batch) {
  const Stage& last = kStages[3];
  const size_t image_bytes = report.format.size() * batch * 3 * 224 * 224;
  const Tensors images(image_bytes, image_bytes);
  report.time("transpose [n, 3, 224, 224]", "", batch, 2e-6 * static_cast<double>(image_bytes),
              [&](int i, const Launch& launch) {
                strided_copy(transpose_args(static_cast<int>(report.format.size()),
                                            images.x[i % kSets]->data(), {batch, 3, 224, 224},
                                            {0, 2, 3, 1}, images.y[i % kSets]->data()),
                             launch);
              });
  const Tensors tokens(map_bytes(report, last, batch), map_bytes(report, last, batch));
  report.time(name("reduce_mean", last), "", batch,
              1e-6 * static_cast<double>(map_bytes(report, last, batch)),
              [&](int i, const Launch& launch) {
                reduce({ReduceOp::Mean,
                        report.format.element,
                        tokens.x[i % kSets]->data(),
                        tokens.y[i % kSets]->data(),
                        {batch, last.tokens(), last.c},
                        {false, true, false}},
                       launch);
              });
}

void run(const Format& format, const char* path, const std::string& only, int only_batch) {
  cudaDeviceProp device;
  check_cuda(cudaGetDeviceProperties(&device, 0), "device");
  Report report{format, only};
  for (const int batch : {1, 8, 32, 128}) {
    if (only_batch != 0 && batch != only_batch) continue;
    for (int i = 0; i < 4; ++i) {
      const Stage& s = kStages[i];
      if (i < 2 && !format.wide()) {
        time_local_mixer(report, s, batch);
        time_local_block(report, s, batch);
      }
      time_depthwise(report, s, 3, batch);
      if (i < 2) time_depthwise(report, s, 5, batch);
      if (i >= 2) time_attention(report, s, batch);
      time_layer_norm(report, s, batch);
      if (i >= 2 && batch == 1 && !format.wide())
        for (const int blocks : {1, 2, i == 2 ? 8 : 3}) time_transformer_blocks(report, s, blocks);
    }
    time_ends(report, batch);
  }
  if (path != nullptr)
    std::ofstream(path) << nlohmann::json{{"device", device.name}, {"rows", report.rows}}.dump(1)
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
