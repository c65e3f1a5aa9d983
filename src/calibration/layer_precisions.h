#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/quantization_record.h"
#include "vitro/tensor.h"

namespace vitro {

/// The precision that is asked for by the name of a product, in which a '*' stands for any text.
struct LayerPrecision {
  std::string name;
  DType dtype = DType::Float32;  ///< or of its weight: Int8 or Float8E4M3

  bool operator==(const LayerPrecision&) const = default;
};

/// "NAME:fp32,NAME:int8,NAME:fp8,...", as trtexec --layerPrecisions has it; names may have colons
/// in them. Nothing for other text.
std::optional<std::vector<LayerPrecision>> parse_layer_precisions(std::string_view text);

/// Decides which products stay float; of several names that fit one the last counts. Throws
/// NotFound for a name that fits none (the hint is the nearest one), and InvalidArgument when 8
/// bits are asked for, without a '*', of a product that cannot be, or other ones than weights of
/// `dtype`, Int8 or Float8E4M3.
void apply_layer_precisions(const std::vector<LayerPrecision>& precisions, DType dtype,
                            QuantizationRecord& record);

}  // namespace vitro
