#include "formats/torch_special.h"

#include <array>

#include "core/check.h"

namespace vitro {
namespace {

/// What tensors are that a function other than the usual ones rebuilds, by how its name begins.
struct SpecialTensor {
  std::string_view function;
  std::string_view what;
  const char* hint;
};
constexpr std::array<SpecialTensor, 6> kSpecialTensors = {{
    {"_rebuild_sparse", "is sparse", "in Python: save tensor.to_dense() instead"},
    {"_rebuild_qtensor", "is quantized",
     "give the checkpoint that it was quantized from, or save tensor.dequantize() in Python"},
    {"_rebuild_meta_tensor", "has a shape but no values (it was on the device 'meta')",
     "save the model again after its weights were loaded"},
    {"_rebuild_nested_tensor", "is a nested tensor of several shapes",
     "in Python: save plain tensors instead"},
    {"_rebuild_device_tensor", "was saved on a device that only PyTorch can read from",
     "in Python: save tensor.cpu() instead"},
    {"_rebuild_wrapper_subclass", "is of a class of its own that has no elements here",
     "in Python: save plain tensors instead, such as tensor.dequantize() or tensor.full_tensor()"},
}};

}  // namespace

std::string_view rebuild_name(std::string_view global) {
  for (std::string_view module : {"torch._utils.", "torch._tensor."}) {
    if (global.starts_with(module)) global.remove_prefix(module.size());
  }
  return global;
}

void refuse_special_tensor(std::string_view global, std::string_view file,
                           const std::string& name) {
  for (const SpecialTensor& special : kSpecialTensors) {
    if (rebuild_name(global).starts_with(special.function))
      fail_hint(ErrorCode::Unsupported, special.hint,
                "'{}': tensor '{}' {}, which is not supported", file, name, special.what);
  }
  fail_hint(ErrorCode::Unsupported, "in Python: save a plain dense tensor instead",
            "'{}': tensor '{}' is of a kind that only PyTorch can rebuild ('{:.80}')", file, name,
            global);
}

}  // namespace vitro
