#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/tensor_file.h"

namespace vitro {

/// The layer that stands where the head of a model should be, when none has its name: the only one,
/// in the nearest scope around `prefix` that has any, that is a linear layer of the width of the
/// model, with a bias and nothing beside it. `tensors` are those of the model. Returns the name of
/// the layer in the file ("backbone.fc"). Throws Unsupported when there are several; `source` is
/// what errors call the checkpoint.
std::optional<std::string> find_renamed_head(const TensorFile& file, const std::string& prefix,
                                             const std::vector<TensorEntry>& tensors,
                                             const std::string& source);

}  // namespace vitro
