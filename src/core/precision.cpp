#include "vitro/precision.h"

namespace vitro {

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::Default:
      return "default";
    case Precision::Float32:
      return "fp32";
    case Precision::TensorFloat32:
      return "tf32";
    case Precision::Float16:
      return "fp16";
    case Precision::BFloat16:
      return "bf16";
  }
  return "unknown";
}

std::optional<Precision> parse_precision(std::string_view text) {
  for (const Precision precision :
       {Precision::Default, Precision::Float32, Precision::TensorFloat32, Precision::Float16,
        Precision::BFloat16})
    if (to_string(precision) == text) return precision;
  return std::nullopt;
}

}  // namespace vitro
