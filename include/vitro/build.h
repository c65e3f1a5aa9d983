#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "vitro/image.h"
#include "vitro/plan.h"

namespace vitro {

/// What the extents of an input may be, within what the model takes. Lists are empty, or have an
/// entry for each axis.
struct InputShapes {
  Dims min, opt, max;  ///< opt: at which shapes are tried, the size of pictures
};

struct BuildOptions {
  std::string arch;        ///< empty: from the metadata, else from the tensors
  ArchParams arch_params;  ///< in place of the usual ones of the architecture
  /// Where in the checkpoint the weights lie when it has several models: a key or a prefix
  /// ("state_dict_ema", "teacher"; "." for the top level). Empty: of complete models the only one,
  /// else the exponential moving average, as in timm.
  std::string weights_key;
  int64_t height = 0, width = 0;  ///< default input size; 0: from the metadata, else 224
  /// By the name of the input; "" for that of a model with one. Others stay as the model has them.
  /// Of the three lists one stands for what is not given: opt for min and max, else max for opt.
  std::map<std::string, InputShapes> input_shapes;
  std::filesystem::path dump_ir;  ///< directory for the graph after each pass; empty: none
  /// How the matrices of products are stored: Float32, or BFloat16 for half the memory. Everything
  /// else stays float32, arithmetic included.
  DType weights = DType::Float32;
  /// The plan takes the pixels of pictures: its input is uint8 [batch, height, width, 3], R G B, as
  /// resize_and_crop() gives them; x / 255, mean and std become a part of the model. For
  /// classifiers.
  bool pixels = false;
  PreprocessingChoices preprocessing;  ///< in place of what the checkpoint says
  /// List of classes in place of the checkpoint's labels: lines of "id<TAB>name", JSON and other
  /// forms of docs/cli.md; empty: none.
  std::filesystem::path labels;
};

/// Compiles a checkpoint (.safetensors, PyTorch's .pth, the index or folder of a sharded one) or an
/// ONNX model into a plan. Nothing in it is executed. What was chosen, stripped and passed over is
/// in PlanInfo::notes, what of the preprocessing was guessed in Classifier::origins. Throws
/// NotFound, CorruptFile, Unsupported (unknown architecture or format) or InvalidArgument (the
/// tensors do not fit the architecture: missing, extra and misshapen ones are listed; several
/// models and no `weights_key`; another dtype for the weights; or shapes, preprocessing or labels
/// that cannot be). Where `pixels` is asked of a model of something else, Unsupported.
Plan build(const std::filesystem::path& checkpoint, const BuildOptions& options = {});

/// A plan file is loaded, anything else is built. Of the options only size, preprocessing and
/// labels count for a plan: they take the place of its own. Asking for BFloat16 weights throws
/// InvalidArgument when it has others.
Plan load_or_build(const std::filesystem::path& model, const BuildOptions& options = {});

}  // namespace vitro
