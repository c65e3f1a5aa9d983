#include "vitro/tensor.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "core/aligned_memory.h"
#include "core/check.h"
#include "core/device_allocator.h"
#include "core/dtype.h"

namespace vitro {

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::Float64:
    case DType::Int64:
    case DType::UInt64:
      return 8;
    case DType::Float32:
    case DType::Int32:
    case DType::UInt32:
      return 4;
    case DType::Float16:
    case DType::BFloat16:
    case DType::Int16:
    case DType::UInt16:
      return 2;
    case DType::Int8:
    case DType::UInt8:
    case DType::Bool:
    case DType::Float8E4M3:
    case DType::Float8E5M2:
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
    case DType::Float8E4M3:
      return "F8_E4M3";
    case DType::Float8E5M2:
      return "F8_E5M2";
    case DType::UInt16:
      return "U16";
    case DType::UInt32:
      return "U32";
    case DType::UInt64:
      return "U64";
  }
  return "?";
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (DType dtype :
       {DType::Float32, DType::Float16, DType::BFloat16, DType::Float64, DType::Int64, DType::Int32,
        DType::Int16, DType::Int8, DType::UInt8, DType::Bool, DType::Float8E4M3, DType::Float8E5M2,
        DType::UInt16, DType::UInt32, DType::UInt64}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  return std::nullopt;
}

int64_t num_elements(const Dims& dims) {
  int64_t count = 1;
  for (int64_t extent : dims) {
    // Asked of every value of a graph, so that the text is made for an error alone.
    if (extent < 0)
      fail(ErrorCode::InvalidArgument, "tensor shape {}: negative extent", to_string(dims));
    if (__builtin_mul_overflow(count, extent, &count))
      fail(ErrorCode::InvalidArgument, "tensor shape {}: the number of elements overflows 64 bits",
           to_string(dims));
  }
  return count;
}

std::string to_string(const Dims& dims) {
  return dims.empty() ? "scalar" : fmt::format("{}", fmt::join(dims, "x"));
}

std::string to_string(Device device) {
  switch (device.type) {
    case DeviceType::Cpu:
      return "cpu";
    case DeviceType::Cuda:
      return fmt::format("cuda:{}", device.index);
    case DeviceType::CudaHost:
      return "cuda_host";
  }
  return "?";
}

std::span<std::byte> TensorView::bytes() const {
  int64_t size = 0;
  check(!__builtin_mul_overflow(num_elements(dims), static_cast<int64_t>(dtype_size(dtype)), &size),
        ErrorCode::InvalidArgument, "tensor {} {}: the number of bytes overflows 64 bits",
        dtype_name(dtype), to_string(dims));
  return {static_cast<std::byte*>(data), static_cast<size_t>(size)};
}

namespace {

/// By DeviceType.
std::array<std::atomic<DeviceAllocator>, 3>& allocators() {
  static std::array<std::atomic<DeviceAllocator>, 3> all{};
  return all;
}

}  // namespace

void set_device_allocator(DeviceType type, DeviceAllocator allocator) {
  allocators().at(static_cast<size_t>(type)) = allocator;
}

Tensor::Tensor(DType dtype, Dims dims, Device device)
    : view_{nullptr, dtype, std::move(dims), device} {
  const size_t size = view_.bytes().size();
  if (device.type != DeviceType::Cpu) {
    const DeviceAllocator allocate = allocators().at(static_cast<size_t>(device.type));
    if (!allocate)
      fail_hint(ErrorCode::Unsupported,
                "build with CUDA, or wrap memory that your program allocates",
                "tensor {} {}: this build cannot allocate memory of {}", dtype_name(dtype),
                to_string(view_.dims), to_string(device));
    auto memory = allocate(size, device);
    view_.data = memory.get();
    owner_ = std::move(memory);
    return;
  }
  AlignedMemory memory = allocate_aligned(size, "a tensor");
  std::memset(memory.get(), 0, size);
  view_.data = memory.get();
  owner_ = std::move(memory);
}

Tensor::Tensor(TensorView view, std::shared_ptr<const void> owner)
    : view_(std::move(view)), owner_(std::move(owner)) {
  if (view_.bytes().empty()) return;
  check(view_.data != nullptr, ErrorCode::InvalidArgument, "tensor {} {}: its data is null",
        dtype_name(view_.dtype), to_string(view_.dims));
  const size_t size = dtype_size(view_.dtype);
  check(reinterpret_cast<uintptr_t>(view_.data) % size == 0, ErrorCode::InvalidArgument,
        "tensor {} {}: its data at {} is not aligned to its elements of {} bytes",
        dtype_name(view_.dtype), to_string(view_.dims), view_.data, size);
}

void Tensor::expect_dtype(DType expected) const {
  check(view_.dtype == expected, ErrorCode::InvalidArgument,
        "tensor {}: its elements are {}, not {}", to_string(view_.dims), dtype_name(view_.dtype),
        dtype_name(expected));
}

std::span<std::byte> Tensor::host_bytes() const {
  check(view_.device.type != DeviceType::Cuda, ErrorCode::InvalidArgument,
        "tensor {} {}: its elements are on {}, expected memory of the host",
        dtype_name(view_.dtype), to_string(view_.dims), to_string(view_.device));
  return view_.bytes();
}

Tensor Tensor::clone() const {
  Tensor copy(view_.dtype, view_.dims);
  std::ranges::copy(bytes(), copy.bytes().begin());
  copy.name = name;
  return copy;
}

}  // namespace vitro
