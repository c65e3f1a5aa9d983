#include "runtime/model_input.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/convert.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

/// The inverse of what preprocess() does to pixels.
Tensor pixels_of(const Tensor& pictures, const Preprocessing& preprocessing) {
  const Dims& dims = pictures.dims();
  check(pictures.dtype() == DType::Float32 && dims.size() == 4 && dims[1] == 3,
        ErrorCode::InvalidArgument, "the model takes the pixels of pictures, got {} {}",
        dtype_name(pictures.dtype()), to_string(dims));
  Tensor result(DType::UInt8, {dims[0], dims[2], dims[3], 3});
  const auto source = pictures.as<float>();
  const auto target = result.as<uint8_t>();
  const auto plane = static_cast<size_t>(dims[2] * dims[3]);
  for (size_t i = 0; i < target.size(); ++i) {
    const size_t channel = i % 3, pixel = i / 3 % plane, image = i / 3 / plane;
    const float x = source[(image * 3 + channel) * plane + pixel];
    const float value = 255.0f * (x * preprocessing.std[channel] + preprocessing.mean[channel]);
    target[i] = static_cast<uint8_t>(std::lrint(std::clamp(value, 0.0f, 255.0f)));
  }
  return result;
}

}  // namespace

bool takes_pixels(const Plan& plan) {
  const Graph& graph = Internals::data(plan).graph;
  return graph.inputs.size() == 1 && takes_pixels(input_infos(graph)[0]);
}

Tensor normalized(const Tensor& pixels, const Preprocessing& preprocessing) {
  const Dims& dims = pixels.dims();
  const bool channels_last = dims.size() == 4 && dims[3] == 3;
  check(pixels.dtype() == DType::UInt8 && dims.size() == 4 && (channels_last || dims[1] == 3),
        ErrorCode::InvalidArgument, "{} {}, expected pictures for the mean and std of the model",
        dtype_name(pixels.dtype()), to_string(dims));
  const int64_t height = dims[channels_last ? 1 : 2], width = dims[channels_last ? 2 : 3];
  Tensor result({dims[0], 3, height, width});
  const auto source = pixels.as<uint8_t>();
  const auto target = result.as<float>();
  const auto plane = static_cast<size_t>(height * width);
  for (size_t i = 0; i < target.size(); ++i) {
    const size_t image = i / (3 * plane), channel = i / plane % 3, pixel = i % plane;
    const size_t at = channels_last ? 3 * (image * plane + pixel) + channel : i;
    const float scaled = static_cast<float>(source[at]) / 255.0f;
    target[i] = (scaled - preprocessing.mean[channel]) / preprocessing.std[channel];
  }
  return result;
}

Tensor picture_input(const Plan& plan, const Image& image) {
  const Preprocessing& preprocessing = plan.classifier().preprocessing;
  if (!takes_pixels(plan)) {
    Tensor floats({1, 3, preprocessing.height, preprocessing.width});
    preprocess(image, preprocessing, floats.as<float>());
    return floats;
  }
  Tensor pixels(DType::UInt8, {1, preprocessing.height, preprocessing.width, 3});
  std::ranges::copy(resize_and_crop(image, preprocessing).rgb, pixels.as<uint8_t>().begin());
  return pixels;
}

Tensor input_of(const Plan& plan, const Tensor& floats) {
  if (plan.info().classifier && takes_pixels(plan))
    return pixels_of(floats, plan.classifier().preprocessing);
  return converted(floats, input_infos(Internals::data(plan).graph).at(0).dtype);
}

Tensor run_on_floats(const Session& session, const Tensor& input) {
  const Tensor output = session.run(input_of(session.plan(), input));
  return converted(output, DType::Float32);
}

}  // namespace vitro
