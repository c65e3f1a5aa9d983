#include <gtest/gtest.h>

#include <algorithm>
#include <type_traits>

#include "core/temporary_directory.h"
#include "vitro/tensor.h"

namespace vitro {
namespace {

using test::expect_error;

template <typename T>
concept HasElements = requires(T tensor) {
  std::forward<T>(tensor).template as<float>();
};
static_assert(HasElements<Tensor&> && HasElements<const Tensor&>);
static_assert(!HasElements<Tensor>, "the span would outlive the tensor");

TEST(Tensor, IsZeroFilledAndAligned) {
  for (const Dims& dims : {Dims{}, Dims{3}, Dims{2, 3, 5}, Dims{0}, Dims{2, 0, 3}}) {
    const Tensor tensor(DType::Int16, dims);
    EXPECT_EQ(tensor.dims(), dims);
    EXPECT_EQ(tensor.as<int16_t>().size(), static_cast<size_t>(num_elements(dims)));
    EXPECT_TRUE(std::ranges::all_of(tensor.as<int16_t>(), [](int16_t x) { return x == 0; }));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.view().data) % 64, 0u);
    EXPECT_EQ(tensor.device(), Device{});
  }
  EXPECT_EQ(Tensor(Dims{2}).dtype(), DType::Float32);
  const Tensor nothing;
  EXPECT_EQ(nothing.dims(), Dims{0});
  EXPECT_TRUE(nothing.as<float>().empty());
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor tensor(DType::UInt8, {2});
  tensor.name = "images";
  const Tensor copy = tensor, clone = tensor.clone();
  tensor.as<uint8_t>()[1] = 7;
  EXPECT_EQ(copy.as<uint8_t>()[1], 7);
  EXPECT_EQ(clone.as<uint8_t>()[1], 0);
  EXPECT_EQ(clone.dtype(), DType::UInt8);
  EXPECT_EQ(clone.name, "images");
}

TEST(Tensor, EveryTypeOfElementHasItsDType) {
  const auto expect = []<typename T>(T, DType dtype) {
    const Tensor tensor(dtype, {3});
    EXPECT_EQ(sizeof(T), dtype_size(dtype)) << dtype_name(dtype);
    EXPECT_EQ(tensor.as<T>().size(), 3u) << dtype_name(dtype);
    EXPECT_EQ(tensor.bytes().size(), 3 * sizeof(T)) << dtype_name(dtype);
  };
  expect(float{}, DType::Float32);
  expect(Float16{}, DType::Float16);
  expect(BFloat16{}, DType::BFloat16);
  expect(double{}, DType::Float64);
  expect(int64_t{}, DType::Int64);
  expect(int32_t{}, DType::Int32);
  expect(int16_t{}, DType::Int16);
  expect(int8_t{}, DType::Int8);
  expect(uint8_t{}, DType::UInt8);
  expect(bool{}, DType::Bool);
  expect(Float8E4M3{}, DType::Float8E4M3);
  expect(Float8E5M2{}, DType::Float8E5M2);
  expect(uint16_t{}, DType::UInt16);
  expect(uint32_t{}, DType::UInt32);
  expect(uint64_t{}, DType::UInt64);
}

TEST(Tensor, RefusesAnotherType) {
  const Tensor tensor(DType::Float16, {2, 3});
  expect_error(ErrorCode::InvalidArgument, "tensor 2x3: its elements are F16, not U16",
               [&] { tensor.as<uint16_t>(); });
}

TEST(Tensor, RefusesWhatCannotBeAllocated) {
  expect_error(ErrorCode::InvalidArgument, "negative extent", [] { Tensor(Dims{2, -1}); });
  expect_error(ErrorCode::InvalidArgument, "bytes overflows",
               [] { Tensor(DType::Float64, {int64_t{1} << 61}); });
  expect_error(ErrorCode::OutOfMemory, "no memory for a tensor of 1152921504606846976 bytes",
               [] { Tensor(DType::UInt8, {int64_t{1} << 60}); });
  expect_error(ErrorCode::Unsupported, "cannot allocate memory of cuda:1", [] {
    Tensor(DType::UInt8, {2}, {DeviceType::Cuda, 1});
  });
}

TEST(Tensor, WrapsMemoryOfOthers) {
  auto memory = std::make_shared<std::array<int32_t, 6>>();
  (*memory)[5] = 42;
  {
    const Tensor tensor({memory->data(), DType::Int32, {2, 3}}, memory);
    EXPECT_EQ(memory.use_count(), 2);
    EXPECT_EQ(tensor.as<int32_t>()[5], 42);
  }
  EXPECT_EQ(memory.use_count(), 1);
  EXPECT_NO_THROW(Tensor({nullptr, DType::Int32, {2, 0}}, nullptr));
  expect_error(ErrorCode::InvalidArgument, "its data is null", [] {
    Tensor({nullptr, DType::Int32, {2}}, nullptr);
  });
  const auto bytes = reinterpret_cast<std::byte*>(memory->data());
  expect_error(ErrorCode::InvalidArgument, "not aligned to its elements of 4 bytes", [&] {
    Tensor({bytes + 2, DType::Int32, {2}}, memory);
  });
}

TEST(Tensor, OfAnotherDeviceIsNotTouched) {
  auto memory = std::make_shared<std::array<float, 2>>();
  const Tensor on_gpu({memory->data(), DType::Float32, {2}, {DeviceType::Cuda, 1}}, memory);
  expect_error(ErrorCode::InvalidArgument, "on cuda:1", [&] { on_gpu.as<float>(); });
  expect_error(ErrorCode::InvalidArgument, "on cuda:1", [&] { on_gpu.clone(); });
  const Tensor pinned({memory->data(), DType::Float32, {2}, {DeviceType::CudaHost}}, memory);
  EXPECT_EQ(pinned.as<float>().size(), 2u);
  EXPECT_EQ(pinned.clone().device(), Device{});
}

}  // namespace
}  // namespace vitro
