#include "vitro/tensor.h"

#include <fmt/ranges.h>

#include "core/check.h"
#include "core/dtype.h"

namespace vitro {

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::Float64:
    case DType::Int64:
      return 8;
    case DType::Float32:
    case DType::Int32:
      return 4;
    case DType::Float16:
    case DType::BFloat16:
    case DType::Int16:
      return 2;
    case DType::Int8:
    case DType::UInt8:
    case DType::Bool:
      return 1;
  }
  fail(ErrorCode::Internal, "dtype_size: unknown dtype {}", static_cast<int>(dtype));
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return "F32";
    case DType::Float16:
      return "F16";
    case DType::BFloat16:
      return "BF16";
    case DType::Float64:
      return "F64";
    case DType::Int64:
      return "I64";
    case DType::Int32:
      return "I32";
    case DType::Int16:
      return "I16";
    case DType::Int8:
      return "I8";
    case DType::UInt8:
      return "U8";
    case DType::Bool:
      return "BOOL";
  }
  return "?";
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (DType dtype : {DType::Float32, DType::Float16, DType::BFloat16, DType::Float64, DType::Int64,
                      DType::Int32, DType::Int16, DType::Int8, DType::UInt8, DType::Bool}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  return std::nullopt;
}

int64_t num_elements(const Dims& dims) {
  int64_t count = 1;
  for (int64_t extent : dims) {
    check(extent >= 0, ErrorCode::InvalidArgument, "tensor shape {}: negative extent",
          to_string(dims));
    check(!__builtin_mul_overflow(count, extent, &count), ErrorCode::InvalidArgument,
          "tensor shape {}: the number of elements overflows 64 bits", to_string(dims));
  }
  return count;
}

std::string to_string(const Dims& dims) {
  return dims.empty() ? "scalar" : fmt::format("{}", fmt::join(dims, "x"));
}

}  // namespace vitro
