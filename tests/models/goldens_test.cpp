#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "backends/numbers.h"
#include "core/convert.h"
#include "floats.h"
#include "formats/safetensors.h"
#include "gpu.h"
#include "metric.h"
#include "models/models.h"
#include "passes/pipeline.h"

// Every stage of each architecture against PyTorch in double precision
// (tools/make_model_goldens.py): random weights, randomised BatchNorm statistics, two input sizes,
// batches of 1 and 3.
namespace vitro {
namespace {

constexpr uint64_t kSeed = 1;
constexpr uint64_t kSampleStride = 2654435761u;

struct Case {
  int64_t height, width, batch;
  std::string name() const { return fmt::format("{}x{}.b{}", height, width, batch); }
};
constexpr Case kCases[] = {{224, 224, 1}, {224, 224, 3}, {288, 352, 1}, {288, 352, 3}};

class Goldens {
 public:
  explicit Goldens(const std::string& architecture)
      : file_(read_safetensors(MappedFile::open(source_tree() / "tests/models/data" /
                                                (architecture + ".safetensors")))) {
    for (const TensorEntry& tensor : file_.tensors) {
      std::vector<float>& values = tensors_[tensor.name];
      values.resize(static_cast<size_t>(num_elements(tensor.dims)));
      to_float32(tensor.dtype, tensor.bytes, values.data());
    }
  }
  const std::vector<float>& at(const std::string& name) const { return tensors_.at(name); }

 private:
  TensorFile file_;
  std::map<std::string, std::vector<float>> tensors_;
};

/// The golden's samples of an [n, h, w, c] tensor: they are numbered in PyTorch's order, [n, c, h,
/// w].
std::vector<float> sample_nchw(const Tensor& nhwc, size_t count) {
  const auto h = static_cast<uint64_t>(nhwc.dims()[1]), w = static_cast<uint64_t>(nhwc.dims()[2]);
  const auto c = static_cast<uint64_t>(nhwc.dims()[3]);
  const std::span<const float> pixels = nhwc.as<float>();
  std::vector<float> samples(count);
  for (size_t j = 0; j < count; ++j) {
    const uint64_t flat = j * kSampleStride % pixels.size();
    const uint64_t x = flat % w, y = flat / w % h, channel = flat / (w * h) % c,
                   n = flat / (w * h * c);
    samples[j] = pixels[((n * h + y) * w + x) * c + channel];
  }
  return samples;
}

std::vector<Tensor> run(const Graph& graph, const Backend& backend, const Case& c,
                        Precision precision = Precision::Float32) {
  const Constant images =
      RandomWeights(kSeed).take("input", {c.batch, 3, c.height, c.width}, "test");
  Tensor input(images.type.dims);
  std::ranges::copy(images.floats(), input.as<float>().begin());
  PlanCache cache;
  const auto executable = backend.compile({.graph = graph,
                                           .inputs = {&images.type, 1},
                                           .cache = cache,
                                           .threads = 2,
                                           .precision = precision});
  std::vector<Tensor> results;
  std::vector<TensorView> views;
  for (const TensorType& output : executable->outputs()) results.emplace_back(output.dims);
  for (const Tensor& result : results) views.push_back(result.view());
  const auto lane = backend.make_lane({2});
  executable->on(*lane)->run({&input.view(), 1}, views, nullptr);
  return results;
}

void compare(const std::vector<Tensor>& results, const Goldens& goldens, const Case& c,
             Precision precision = Precision::Float32) {
  ASSERT_EQ(results.size(), 5u);
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string key = c.name() + (i == 0 ? ".logits" : fmt::format(".stage{}", i));
    const std::vector<float>& expected = goldens.at(key);
    const std::vector<float> actual =
        i == 0 ? test::floats(results[0]) : sample_nchw(results[i], expected.size());
    const Tolerance bound = i == 0 ? model_tolerance(precision) : stage_tolerance(precision);
    const Distance d = distance(std::span<const float>(actual), std::span<const float>(expected));
    EXPECT_TRUE(d.within(bound)) << key << ": " << report(d, bound);
  }
}

Graph build(const std::string& architecture) {
  RandomWeights weights(kSeed);
  ModelOptions options;
  options.stage_outputs = true;
  return build_uniformer(find_model(architecture), options, weights);
}

class ModelGoldens : public testing::TestWithParam<const char*> {};

TEST_P(ModelGoldens, CpuEqualsPyTorch) {
  const Goldens goldens(GetParam());
  Graph graph = build(GetParam());
  run_passes(graph);
  for (const Case& c : kCases) compare(run(graph, find_backend("cpu"), c), goldens, c);
}

/// Those in which a model can be compared: which tokens it keeps is decided by scores that less
/// than float32 puts into another order.
std::vector<Precision> comparable_precisions(const Graph& graph) {
  const bool prunes_tokens =
      std::ranges::any_of(graph.nodes, [](const Node& node) { return node.kind == OpKind::TopK; });
  if (prunes_tokens) return {Precision::Float32};
  return {Precision::Float32, Precision::TensorFloat32, Precision::Float16, Precision::BFloat16};
}

TEST_P(ModelGoldens, GpuEqualsPyTorchInEveryPrecision) {
  std::string reason;
  const Backend* gpu = gpu_backend(reason);
  if (!gpu) GTEST_SKIP() << reason;
  const Goldens goldens(GetParam());
  Graph graph = build(GetParam());
  run_passes(graph);
  for (const Precision precision : comparable_precisions(graph)) {
    SCOPED_TRACE(to_string(precision));
    for (const Case& c : kCases) compare(run(graph, *gpu, c, precision), goldens, c, precision);
  }
}

// Unoptimised, so that the front end and the passes are judged apart.
TEST_P(ModelGoldens, ReferenceEqualsPyTorchWithoutPasses) {
  const Goldens goldens(GetParam());
  compare(run(build(GetParam()), find_backend("reference"), kCases[0]), goldens, kCases[0]);
}

// The arithmetic is that of float32 whatever the weights are stored as; the weights themselves
// move.
TEST(BFloat16Weights, CpuEqualsReferenceOnTheSameWeights) {
  constexpr Case kSmall{64, 96, 1};
  Graph whole = build("uniformer_small"), rounded = whole;
  run_passes(whole);
  run_passes(rounded, {{}, DType::BFloat16});
  const auto on_cpu = run(rounded, find_backend("cpu"), kSmall);
  const auto reference = run(rounded, find_backend("reference"), kSmall);
  const auto unrounded = run(whole, find_backend("cpu"), kSmall);
  for (size_t i = 0; i < on_cpu.size(); ++i) {
    const std::span<const float> values = on_cpu[i].as<float>();
    const Distance d = distance(values, reference[i].as<float>());
    EXPECT_TRUE(d.within(kFloat32Model)) << i << ": " << report(d, kFloat32Model);
    const Distance moved = distance(values, unrounded[i].as<float>());
    EXPECT_TRUE(moved.within(kBFloat16Weights)) << i << ": " << report(moved, kBFloat16Weights);
    EXPECT_GT(moved.nmse, 1e-8) << "are these other weights?";
  }
}

INSTANTIATE_TEST_SUITE_P(Family, ModelGoldens,
                         testing::Values("uniformer_small", "uniformer_small_plus",
                                         "uniformer_base", "uniformer_base_ls",
                                         "uniformer_small_tl", "uniformer_large_ls",
                                         "uniformer_xxs"),
                         [](const auto& row) { return std::string(row.param); });

}  // namespace
}  // namespace vitro
