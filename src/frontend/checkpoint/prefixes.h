#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_file.h"

namespace vitro {

/// The prefixes ("", "state_dict.module.", ...) behind which names of a file are those of a known
/// architecture, told by its landmark tensors; in the order of the file.
std::vector<std::string> find_prefixes(const TensorFile& file);

/// The name without the parts that wrappers of PyTorch put into it: "blocks1.0.pos_embed.weight" of
/// "blocks1._orig_mod.0._fsdp_wrapped_module.pos_embed.weight".
std::string without_wrappers(std::string_view name);

/// What --weights-key calls a prefix: "state_dict.module", and "." for the empty one.
std::string key_of(const std::string& prefix);

/// The prefixes that `key` may mean: the one that it is, else all that contain its parts in a row.
std::vector<std::string> prefixes_of_key(const std::vector<std::string>& prefixes,
                                         const std::string& key);

/// The shortest key that means this one of the prefixes.
std::string shortest_key(const std::vector<std::string>& prefixes, const std::string& prefix);

/// Of the prefixes of complete models, the one that timm's load_checkpoint() would take: the
/// exponential moving average, else `state_dict` before `model`. Empty list or one element.
std::vector<std::string> conventional_prefix(const std::vector<std::string>& prefixes);

/// Whether a part of the prefix says that it is an exponential moving average: "model_ema".
bool is_average(const std::string& prefix);

}  // namespace vitro
