#pragma once

#include <string>
#include <vector>

#include "vitro/io.h"
#include "vitro/plan.h"
#include "vitro/tensor.h"

namespace vitro::cli {

/// What a model is run on, and what is to be said of it.
struct NpyInput {
  Tensor tensor;
  bool normalized = false;            ///< pictures of uint8, by the mean and std of the model
  std::vector<std::string> warnings;  ///< NaN, infinity, values that no picture has, guesses
};

/// An input of a model from a .npy file, of the type that it takes; for float32 those of float16
/// and float64 are converted. For a classifier uint8 are pictures, [batch, height, width, 3] or
/// [batch, 3, height, width], that go through its mean and std; for other models they are numbers.
/// Throws Unsupported for another dtype, InvalidArgument for uint8 that are no pictures and a type
/// that the input does not take, and what read_npy() does.
NpyInput read_npy_input(const std::string& path, const Plan& plan, const IoInfo& input);

/// "3 NaN and 1 infinite values"; empty when all are finite, or no float32.
std::string not_finite_text(const Tensor& tensor);

}  // namespace vitro::cli
