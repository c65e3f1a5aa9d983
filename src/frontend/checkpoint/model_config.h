#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>

#include "frontend/checkpoint/metadata.h"

namespace vitro {

// The keys of timm's config.json that are read: of the evaluation transform, of the model, and
// those that are only noted where they ask for something else.
inline constexpr std::array kTransformKeys{"input_size",      "crop_pct",     "crop_mode",
                                           "interpolation",   "mean",         "std",
                                           "test_input_size", "test_crop_pct"};
inline constexpr std::array kModelKeys{"architecture", "num_classes", "label_names",
                                       "label_descriptions", "pretrained_cfg"};
inline constexpr std::array kNotedKeys{"global_pool", "label_offset",     "in_chans",
                                       "model_args",  "fixed_input_size", "min_input_size"};

/// Throws CorruptFile for what is no JSON; `name` is what the error calls it.
nlohmann::json parse_json(std::string_view text, const std::string& name);

/// Whether it is an object that says anything of what is read.
bool has_known_key(const nlohmann::json& root);

/// parse_model_config() of what is parsed already.
ModelMetadata read_model_config(const nlohmann::json& root, const ConfigNames& names,
                                const std::set<std::string>& decided);

}  // namespace vitro
