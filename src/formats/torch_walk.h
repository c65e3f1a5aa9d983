#pragma once

#include <string_view>

#include "formats/pickle.h"
#include "formats/tensor_file.h"
#include "formats/torch_tensor.h"

namespace vitro {

/// Collects everything that hangs on the root of a PyTorch file: dicts, lists, tuples and pickled
/// modules are walked to any sensible depth, their keys joined with '.'. What is no tensor, or one
/// that only PyTorch can rebuild, is among the `others`. Throws CorruptFile for malformed tensors
/// and for more values than a file of its kind has, and Unsupported, saying what is there instead,
/// when there is no tensor at all. `file` is what errors call the file.
TensorFile collect_tensors(const PickleValue& root, TorchTensorReader& reader,
                           std::string_view file);

}  // namespace vitro
