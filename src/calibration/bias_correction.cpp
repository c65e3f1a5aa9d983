#include "calibration/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "calibration/node_by_node.h"
#include "calibration/picture_pass.h"
#include "core/check.h"
#include "image/batch_reader.h"
#include "passes/passes.h"

namespace vitro {
namespace {

/// All pictures go through a node at once.
constexpr size_t kMostNodeBytes = size_t{1} << 29;

using Means = std::vector<double>;  ///< by output

Means column_means(const Tensor& results) {
  const auto outputs = static_cast<size_t>(results.dims().back());
  const std::span<const float> values = results.as<float>();
  Means means(outputs);
  for (size_t i = 0; i < values.size(); ++i) means[i % outputs] += static_cast<double>(values[i]);
  for (double& mean : means) mean /= static_cast<double>(values.size() / outputs);
  return means;
}

void subtract(std::span<const float> error, Tensor& results) {
  const std::span<float> values = results.as<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] -= error[i % error.size()];
}

/// Those that can be read, [n, 3, height, width].
Tensor read_pictures(const Preprocessing& preprocessing, const CalibrationImages& images,
                     ThreadTeam& team, const BiasCorrectionOptions& options) {
  const auto count = static_cast<int64_t>(images.images.size());
  Tensor pictures({count, 3, preprocessing.height, preprocessing.width});
  BatchReader reader(preprocessing, images.images, team, {options.limits, options.on_failure});
  const auto read = reader.read(pictures.as<float>(), images.images.size()).size();
  check(read > 0, ErrorCode::CorruptFile, "bias correction: none of {} pictures could be read",
        count);
  if (read == images.images.size()) return pictures;
  Tensor some({static_cast<int64_t>(read), 3, preprocessing.height, preprocessing.width});
  std::copy_n(pictures.as<float>().begin(), some.as<float>().size(), some.as<float>().begin());
  return some;
}

/// What its results are too large by; 0 where one of the means is not finite.
std::vector<float> error_of(const Means& results, const Means& expected) {
  std::vector<float> error(results.size());
  for (size_t i = 0; i < error.size(); ++i) {
    const auto difference = static_cast<float>(results[i] - expected[i]);
    error[i] = std::isfinite(difference) ? difference : 0;
  }
  return error;
}

}  // namespace

bool correct_biases(const PlanData& plan, Quantization& codes, CalibrationImages images,
                    const BiasCorrectionOptions& options) {
  const Preprocessing& preprocessing = plan.info.classifier->preprocessing;
  const TensorType picture{DType::Float32, {1, 3, preprocessing.height, preprocessing.width}};
  const size_t fit = std::max<size_t>(1, kMostNodeBytes / largest_node_bytes(plan.graph, picture));
  keep_evenly(images, std::min(options.max_images, static_cast<int64_t>(fit)));
  const int threads = options.threads > 0 ? options.threads : available_cores();
  ThreadTeam team(threads);
  const Tensor pictures = read_pictures(preprocessing, images, team, options);

  NodeByNode runner(find_backend(kCalibrationBackend), threads);
  Graph quantized = plan.graph;
  quantize_products(quantized, codes);
  std::map<std::string, Means> expected;
  const auto in_floats = [&](const Node& node, std::span<Tensor> results) {
    if ((node.kind == OpKind::Linear || node.kind == OpKind::Conv) && codes.contains(node.source))
      expected[node.source] = column_means(results[0]);
  };
  const auto in_8_bits = [&](const Node& node, std::span<Tensor> results) {
    if (node.kind != OpKind::QuantizedLinear && node.kind != OpKind::QuantizedConv) return;
    if (!codes.contains(node.source)) return;  // the model itself has it in 8 bits
    std::vector<float>& error = codes.at(node.source).error;
    error = error_of(column_means(results[0]), expected.at(node.source));
    subtract(error, results[0]);
  };
  return runner.run(plan.graph, pictures.view(), in_floats, options.stop) &&
         runner.run(quantized, pictures.view(), in_8_bits, options.stop);
}

}  // namespace vitro
