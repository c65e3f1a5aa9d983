#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "core/check.h"
#include "formats/onnx_model.h"
#include "formats/onnx_writer.h"

namespace vitro::onnx {
namespace {

struct TypeRow {
  ElementType type;
  const char* name;
  std::optional<DType> dtype;
};
constexpr std::array kTypes{
    TypeRow{ElementType::Float, "FLOAT", DType::Float32},
    TypeRow{ElementType::UInt8, "UINT8", DType::UInt8},
    TypeRow{ElementType::Int8, "INT8", DType::Int8},
    TypeRow{ElementType::UInt16, "UINT16", DType::UInt16},
    TypeRow{ElementType::Int16, "INT16", DType::Int16},
    TypeRow{ElementType::Int32, "INT32", DType::Int32},
    TypeRow{ElementType::Int64, "INT64", DType::Int64},
    TypeRow{ElementType::String, "STRING", std::nullopt},
    TypeRow{ElementType::Bool, "BOOL", DType::Bool},
    TypeRow{ElementType::Float16, "FLOAT16", DType::Float16},
    TypeRow{ElementType::Double, "DOUBLE", DType::Float64},
    TypeRow{ElementType::UInt32, "UINT32", DType::UInt32},
    TypeRow{ElementType::UInt64, "UINT64", DType::UInt64},
    TypeRow{ElementType::BFloat16, "BFLOAT16", DType::BFloat16},
    TypeRow{ElementType::Float8E4M3, "FLOAT8E4M3FN", DType::Float8E4M3},
    TypeRow{ElementType::Float8E5M2, "FLOAT8E5M2", DType::Float8E5M2},
};

/// Bytes of all elements; the product of the extents cannot overflow.
size_t size_of(const Tensor& tensor, DType dtype) {
  uint64_t size = dtype_size(dtype);
  bool is_empty = false;
  for (const int64_t extent : tensor.dims) {
    check(extent >= 0, ErrorCode::CorruptFile, "tensor '{:.200}': extent {} is negative",
          tensor.name, extent);
    is_empty = is_empty || extent == 0;
  }
  for (const int64_t extent : tensor.dims)
    check(is_empty || (!__builtin_mul_overflow(size, static_cast<uint64_t>(extent), &size) &&
                       size <= uint64_t{1} << 48),
          ErrorCode::CorruptFile, "tensor '{:.200}': its extents overflow", tensor.name);
  return is_empty ? 0 : static_cast<size_t>(size);
}

std::span<const std::byte> expect_size(const Tensor& tensor, std::span<const std::byte> bytes,
                                       size_t size, const char* field) {
  check(bytes.size() == size, ErrorCode::CorruptFile,
        "tensor '{:.200}': {} has {} bytes, expected {} for {} {}", tensor.name, field,
        bytes.size(), size, element_name(tensor.type), to_string(tensor.dims));
  return bytes;
}

/// Pieces of a field, one behind the other.
std::span<const std::byte> joined(const std::vector<std::span<const std::byte>>& pieces,
                                  std::vector<std::byte>& storage) {
  if (pieces.size() == 1) return pieces[0];
  for (const auto& piece : pieces) storage.insert(storage.end(), piece.begin(), piece.end());
  return storage;
}

std::span<const std::byte> narrowed(const Tensor& tensor, size_t size, size_t element,
                                    std::vector<std::byte>& storage) {
  check(tensor.ints.size() == size / element, ErrorCode::CorruptFile,
        "tensor '{:.200}': {} integers, expected {} for {}", tensor.name, tensor.ints.size(),
        size / element, to_string(tensor.dims));
  storage.resize(size);
  for (size_t i = 0; i < tensor.ints.size(); ++i)  // little-endian: the low bytes come first
    std::memcpy(storage.data() + i * element, &tensor.ints[i], element);
  return storage;
}

}  // namespace

std::string element_name(ElementType type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return row.name;
  return fmt::format("type {}", static_cast<int>(type));
}

std::optional<DType> dtype_of(ElementType type) {
  for (const TypeRow& row : kTypes)
    if (row.type == type) return row.dtype;
  return std::nullopt;
}

std::optional<ElementType> element_type_of(DType dtype) {
  for (const TypeRow& row : kTypes)
    if (row.dtype == dtype) return row.type;
  return std::nullopt;
}

std::span<const std::byte> TensorData::elements(const Tensor& tensor,
                                                std::vector<std::byte>& storage) {
  const auto dtype = dtype_of(tensor.type);
  check(dtype.has_value() && !tensor.has_strings && !tensor.is_segment, ErrorCode::Unsupported,
        "tensor '{:.200}': {}{}", tensor.name, element_name(tensor.type),
        tensor.is_segment ? " in segments" : ", expected numbers of 8 bits or more");
  const size_t element = dtype_size(*dtype), size = size_of(tensor, *dtype);
  const int fields = int{tensor.raw.has_value()} + int{!tensor.floats.empty()} +
                     int{!tensor.doubles.empty()} + int{!tensor.ints.empty()} +
                     int{tensor.is_external};
  check(fields <= 1, ErrorCode::CorruptFile, "tensor '{:.200}': its elements are in {} fields",
        tensor.name, fields);
  if (tensor.is_external) return external(tensor, size);
  if (tensor.raw) return expect_size(tensor, *tensor.raw, size, "raw_data");
  storage.clear();
  if (!tensor.floats.empty()) {
    check(*dtype == DType::Float32, ErrorCode::CorruptFile, "tensor '{:.200}': float_data of {}",
          tensor.name, element_name(tensor.type));
    return expect_size(tensor, joined(tensor.floats, storage), size, "float_data");
  }
  if (!tensor.doubles.empty()) {
    check(*dtype == DType::Float64, ErrorCode::CorruptFile, "tensor '{:.200}': double_data of {}",
          tensor.name, element_name(tensor.type));
    return expect_size(tensor, joined(tensor.doubles, storage), size, "double_data");
  }
  check((*dtype != DType::Float32 && *dtype != DType::Float64) || tensor.ints.empty(),
        ErrorCode::CorruptFile, "tensor '{:.200}': integers of {}", tensor.name,
        element_name(tensor.type));
  return narrowed(tensor, size, element, storage);
}

void TensorData::drop_pages(std::span<const std::byte> elements) const {
  const auto drop = [&](const MappedFile& file) {
    const auto bytes = file.bytes();
    const std::less_equal<const std::byte*> before;
    if (before(bytes.data(), elements.data()) &&
        before(elements.data() + elements.size(), bytes.data() + bytes.size()))
      file.drop_pages(elements);
  };
  if (file_) drop(*file_);
  for (const auto& [name, file] : files_) drop(*file.mapped);
}

}  // namespace vitro::onnx
