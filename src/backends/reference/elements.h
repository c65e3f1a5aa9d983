#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "core/convert.h"
#include "ir/op.h"

namespace vitro::reference {

// Elements of any type, read and written as double or, for integers and booleans, as int64.

inline bool is_integral(DType dtype) {
  return dtype == DType::Int64 || dtype == DType::Int32 || dtype == DType::Int16 ||
         dtype == DType::Int8 || dtype == DType::UInt8 || dtype == DType::UInt16 ||
         dtype == DType::UInt32 || dtype == DType::Bool;
}

template <typename T>
T raw(const std::byte* bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void set_raw(std::byte* bytes, int64_t i, T value) {
  std::memcpy(bytes + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

template <typename V>
V load(DType dtype, const std::byte* bytes, int64_t i) {
  switch (dtype) {
    case DType::Float32:
      return static_cast<V>(raw<float>(bytes, i));
    case DType::Float16:
      return static_cast<V>(float16_to_float32(raw<uint16_t>(bytes, i)));
    case DType::BFloat16:
      return static_cast<V>(bfloat16_to_float32(raw<uint16_t>(bytes, i)));
    case DType::Float64:
      return static_cast<V>(raw<double>(bytes, i));
    case DType::Int64:
      return static_cast<V>(raw<int64_t>(bytes, i));
    case DType::Int32:
      return static_cast<V>(raw<int32_t>(bytes, i));
    case DType::Int16:
      return static_cast<V>(raw<int16_t>(bytes, i));
    case DType::Int8:
      return static_cast<V>(raw<int8_t>(bytes, i));
    case DType::UInt8:
      return static_cast<V>(raw<uint8_t>(bytes, i));
    case DType::UInt16:
      return static_cast<V>(raw<uint16_t>(bytes, i));
    case DType::UInt32:
      return static_cast<V>(raw<uint32_t>(bytes, i));
    case DType::Bool:
      return static_cast<V>(raw<uint8_t>(bytes, i) != 0);
    default:  // other types are refused before
      return V{};
  }
}

/// A float as an integer: towards zero, within the range of the type.
template <typename T, typename V>
T to_integer(V value) {
  if constexpr (std::is_floating_point_v<V>) {
    if (std::isnan(value)) return 0;
    if (value >= static_cast<V>(std::numeric_limits<T>::max()))
      return std::numeric_limits<T>::max();
    if (value <= static_cast<V>(std::numeric_limits<T>::min()))
      return std::numeric_limits<T>::min();
  }
  return static_cast<T>(value);
}

template <typename V>
void store(DType dtype, std::byte* bytes, int64_t i, V value) {
  switch (dtype) {
    case DType::Float32:
      return set_raw(bytes, i, static_cast<float>(value));
    case DType::Float16:
      return set_raw(bytes, i, float32_to_float16(static_cast<float>(value)));
    case DType::BFloat16:
      return set_raw(bytes, i, float32_to_bfloat16(static_cast<float>(value)));
    case DType::Float64:
      return set_raw(bytes, i, static_cast<double>(value));
    case DType::Int64:
      return set_raw(bytes, i, to_integer<int64_t>(value));
    case DType::Int32:
      return set_raw(bytes, i, to_integer<int32_t>(value));
    case DType::Int16:
      return set_raw(bytes, i, to_integer<int16_t>(value));
    case DType::Int8:
      return set_raw(bytes, i, to_integer<int8_t>(value));
    case DType::UInt8:
      return set_raw(bytes, i, to_integer<uint8_t>(value));
    case DType::UInt16:
      return set_raw(bytes, i, to_integer<uint16_t>(value));
    case DType::UInt32:
      return set_raw(bytes, i, to_integer<uint32_t>(value));
    case DType::Bool:
      return set_raw(bytes, i, static_cast<uint8_t>(value != 0));
    default:  // other types are refused before
      return;
  }
}

/// Calls body(V{}) with the type V that elements of `dtype` are computed in.
template <typename Body>
decltype(auto) with_compute_type(DType dtype, const Body& body) {
  return is_integral(dtype) ? body(int64_t{}) : body(double{});
}

}  // namespace vitro::reference
