#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vitro {

/// Element type of a tensor.
enum class DType : uint8_t {
  Float32,
  Float16,
  BFloat16,
  Float64,
  Int64,
  Int32,
  Int16,
  Int8,
  UInt8,
  Bool,
  Float8E4M3,  ///< 1 sign, 4 exponent, 3 fraction bits, finite: 0x7f is NaN, 448 the largest
  Float8E5M2,  ///< the upper half of a Float16
  UInt16,
  UInt32,
  UInt64
};

/// Bit patterns of the floats that C++20 has no type for.
struct Float16 {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};
struct Float8E4M3 {
  uint8_t bits;
};
struct Float8E5M2 {
  uint8_t bits;
};

/// The DType whose elements are T; no other T compiles.
template <typename T>
inline constexpr DType dtype_of = T::no_dtype_has_elements_of_this_type;
template <>
inline constexpr DType dtype_of<float> = DType::Float32;
template <>
inline constexpr DType dtype_of<Float16> = DType::Float16;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::BFloat16;
template <>
inline constexpr DType dtype_of<double> = DType::Float64;
template <>
inline constexpr DType dtype_of<int64_t> = DType::Int64;
template <>
inline constexpr DType dtype_of<int32_t> = DType::Int32;
template <>
inline constexpr DType dtype_of<int16_t> = DType::Int16;
template <>
inline constexpr DType dtype_of<int8_t> = DType::Int8;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::UInt8;
template <>
inline constexpr DType dtype_of<bool> = DType::Bool;
template <>
inline constexpr DType dtype_of<Float8E4M3> = DType::Float8E4M3;
template <>
inline constexpr DType dtype_of<Float8E5M2> = DType::Float8E5M2;
template <>
inline constexpr DType dtype_of<uint16_t> = DType::UInt16;
template <>
inline constexpr DType dtype_of<uint32_t> = DType::UInt32;
template <>
inline constexpr DType dtype_of<uint64_t> = DType::UInt64;

/// Bytes of one element.
size_t dtype_size(DType dtype);
/// The tag used by safetensors: "F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8",
/// "BOOL", "F8_E4M3", "F8_E5M2", "U16", "U32", "U64".
const char* dtype_name(DType dtype);

/// Extents of a tensor, outermost first.
using Dims = std::vector<int64_t>;

/// Product of the extents; 1 for a scalar. Throws InvalidArgument on a negative extent or on
/// overflow.
int64_t num_elements(const Dims& dims);
/// "1x3x224x224"; "scalar" when there are no extents.
std::string to_string(const Dims& dims);

/// Whose memory a tensor lies in.
enum class DeviceType : uint8_t {
  Cpu,
  Cuda,      ///< of one GPU; the host must not touch it
  CudaHost,  ///< of the host, page-locked for transfers to a GPU
};

struct Device {
  DeviceType type = DeviceType::Cpu;
  int index = 0;  ///< among the devices of the type

  bool operator==(const Device&) const = default;
};

/// "cpu", "cuda:0", "cuda_host".
std::string to_string(Device device);

/// Where the elements of a tensor are: dense, row-major, in memory that somebody else keeps alive.
/// A view does not say who may write: whoever takes one as an input only reads through it.
struct TensorView {
  void* data = nullptr;  ///< aligned for the elements; may be null when there are none
  DType dtype = DType::Float32;
  Dims dims{0};
  Device device{};

  /// All elements; memory of the device. Throws InvalidArgument as num_elements() does.
  std::span<std::byte> bytes() const;
};

/// A dense, row-major tensor that shares its memory: copies see the same elements, and the last one
/// frees them; clone() is a copy with memory of its own. Threads may read one tensor at once.
class Tensor {
 public:
  /// Float32 without elements: dims() is {0}.
  Tensor() = default;
  /// Zero-filled and aligned to 64 bytes, in memory of the host, of a GPU or page-locked. Throws
  /// InvalidArgument for dims that num_elements() refuses and for a GPU that there is not,
  /// OutOfMemory, DeviceError when CUDA refuses, and Unsupported for another device than the CPU
  /// where the library was built without CUDA.
  Tensor(DType dtype, Dims dims, Device device = {});
  /// Of Float32.
  explicit Tensor(Dims dims) : Tensor(DType::Float32, std::move(dims)) {}
  /// The memory of others: `owner` keeps it alive and frees it when the last copy is gone. Throws
  /// InvalidArgument when view.data is null or misaligned although there are elements.
  Tensor(TensorView view, std::shared_ptr<const void> owner);

  DType dtype() const { return view_.dtype; }
  const Dims& dims() const { return view_.dims; }
  Device device() const { return view_.device; }
  const TensorView& view() const { return view_; }

  /// All elements. Throws InvalidArgument when they are not of type T, or not in memory of the
  /// host.
  template <typename T>
  std::span<T> as() & {
    expect_dtype(dtype_of<T>);
    return {reinterpret_cast<T*>(bytes().data()), bytes().size() / sizeof(T)};
  }
  template <typename T>
  std::span<const T> as() const& {
    expect_dtype(dtype_of<T>);
    return {reinterpret_cast<const T*>(bytes().data()), bytes().size() / sizeof(T)};
  }
  template <typename T>
  std::span<T> as() && = delete;  // the span would outlive the tensor
  /// As as(), whatever the type.
  std::span<std::byte> bytes() & { return host_bytes(); }
  std::span<const std::byte> bytes() const& { return host_bytes(); }
  std::span<std::byte> bytes() && = delete;

  /// The same elements in memory of their own. Throws InvalidArgument when they are not in memory
  /// of the host.
  Tensor clone() const;

  std::string name{};  ///< of the input or output that the tensor belongs to; may be empty

 private:
  void expect_dtype(DType expected) const;
  std::span<std::byte> host_bytes() const;

  TensorView view_{};
  std::shared_ptr<const void> owner_{};
};

}  // namespace vitro
