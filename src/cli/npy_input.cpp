#include "cli/npy_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/convert.h"
#include "formats/npy.h"
#include "frontend/checkpoint/settings.h"
#include "runtime/model_input.h"

namespace vitro::cli {
namespace {

Tensor to_float(const Tensor& stored, const std::string& path) {
  if (stored.dtype() == DType::Float32) return stored;
  Tensor floats(stored.dims());
  const auto values = floats.as<float>();
  switch (stored.dtype()) {
    case DType::Float16:
    case DType::Float64:
      to_float32(stored.dtype(), stored.bytes(), values.data());
      return floats;
    case DType::UInt8:
      std::ranges::copy(stored.as<uint8_t>(), values.begin());
      return floats;
    default:
      fail_hint(ErrorCode::Unsupported, "convert it with numpy: array.astype(\"float32\")",
                "npy '{}': elements of {}, expected F32, or F16, F64 or U8, which are converted",
                path, dtype_name(stored.dtype()));
  }
}

/// As the mean and std of the model say.
Tensor normalized_pictures(const Tensor& pictures, const Preprocessing& preprocessing,
                           const std::string& path) {
  try {
    return normalized(pictures, preprocessing);
  } catch (const Error& error) {
    fail_hint(error.code(),
              "pictures are [batch, height, width, 3]; other tensors are to be float32",
              "npy '{}': {}", path, error.what());
  }
}

/// Warns of values that are ten times beyond those of a white or black picture: 0 to 255, say.
void warn_of_range(const Tensor& input, const Preprocessing& preprocessing, NpyInput& result) {
  float bound = 0;
  for (size_t i = 0; i < 3; ++i)
    bound = std::max({bound, preprocessing.mean[i] / preprocessing.std[i],
                      (1 - preprocessing.mean[i]) / preprocessing.std[i]});
  float largest = 0;
  for (const float value : input.as<float>())
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  if (largest > 10 * bound)
    result.warnings.push_back(
        fmt::format("the input has values up to {:g}; pictures have at most {:.2f} after the "
                    "model's mean and std: uint8 pictures are put through these, floats are not",
                    largest, bound));
}

}  // namespace

NpyInput read_npy_input(const std::string& path, const Plan& plan, const IoInfo& input) {
  const Tensor stored = read_npy(path);
  NpyInput result;
  if (input.dtype != DType::Float32) {
    if (stored.dtype() != input.dtype)
      fail_hint(ErrorCode::InvalidArgument, "convert it with numpy: array.astype(...)",
                "npy '{}': elements of {}, expected {} for input '{}'", path,
                dtype_name(stored.dtype()), dtype_name(input.dtype), input.name);
    result.tensor = stored;
    return result;
  }
  const auto& classifier = plan.info().classifier;
  result.normalized = classifier && stored.dtype() == DType::UInt8;
  result.tensor = result.normalized ? normalized_pictures(stored, classifier->preprocessing, path)
                                    : to_float(stored, path);
  if (result.normalized)
    if (auto note = guess_note(*classifier)) result.warnings.push_back(std::move(*note));
  if (const std::string text = not_finite_text(result.tensor); !text.empty())
    result.warnings.push_back("the input has " + text);
  if (classifier && !result.normalized)
    warn_of_range(result.tensor, classifier->preprocessing, result);
  return result;
}

std::string not_finite_text(const Tensor& tensor) {
  if (tensor.dtype() != DType::Float32) return {};
  const auto values = tensor.as<float>();
  const auto nan = std::ranges::count_if(values, [](float value) { return std::isnan(value); });
  const auto infinite =
      std::ranges::count_if(values, [](float value) { return std::isinf(value); });
  if (nan + infinite == 0) return {};
  return fmt::format("{} NaN and {} infinite values", nan, infinite);
}

}  // namespace vitro::cli
