#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/quantization_record.h"

namespace vitro {

/// The precision that is asked for by the name of a product, in which a '*' stands for any text.
struct LayerPrecision {
  std::string name;
  bool int8 = false;  ///< else float32

  bool operator==(const LayerPrecision&) const = default;
};

/// "NAME:fp32,NAME:int8,...", as trtexec --layerPrecisions has it; names may have colons in them.
/// Nothing for other text.
std::optional<std::vector<LayerPrecision>> parse_layer_precisions(std::string_view text);

/// Decides which products stay float; of several names that fit one the last counts. Throws
/// NotFound for a name that fits none (the hint is the nearest one), and InvalidArgument when 8
/// bits are asked for, without a '*', of a product that cannot be.
void apply_layer_precisions(const std::vector<LayerPrecision>& precisions,
                            QuantizationRecord& record);

}  // namespace vitro
