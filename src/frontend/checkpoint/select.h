#pragma once

#include <string>
#include <vector>

#include "formats/tensor_file.h"
#include "vitro/plan.h"

namespace vitro {

/// The tensors of a checkpoint that are a model's.
struct SelectedWeights {
  TensorFile file;  ///< named as the architecture has them
  std::vector<PassedOver> passed_over;
  std::vector<std::string> notes;  ///< what was stripped, chosen, renamed or passed over
};

/// Finds the model in everything that a checkpoint holds, by structure: the prefix whose rest names
/// a known architecture, whatever it is and however deep the state dict lies. Of several complete
/// models `key` (--weights-key) decides, else the convention of timm: exponential moving averages
/// first. A linear layer that is the only one where the head should be is taken for the head.
/// Without any known prefix the file is returned as it is.
///
/// Throws InvalidArgument, naming the candidates, for a choice that nobody made; NotFound for a key
/// that none of them has; Unsupported for a model with weights that cannot be read, or with several
/// layers that could be the head. `source` is what errors call the checkpoint.
SelectedWeights select_weights(TensorFile file, const std::string& key, const std::string& source);

}  // namespace vitro
