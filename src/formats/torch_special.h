#pragma once

#include <string>
#include <string_view>

namespace vitro {

/// "_rebuild_tensor_v2" of "torch._utils._rebuild_tensor_v2".
std::string_view rebuild_name(std::string_view global);

/// Throws Unsupported for a tensor that only PyTorch can rebuild, saying what it is (sparse,
/// quantized, ...) and what to save instead. `global` is the function that rebuilds it.
[[noreturn]] void refuse_special_tensor(std::string_view global, std::string_view file,
                                        const std::string& name);

}  // namespace vitro
