#include "vitro/dlpack.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "core/dlpack_abi.h"
#include "core/temporary_directory.h"

namespace vitro {
namespace {

using test::expect_error;

// Sizes that the standard fixes on 64-bit machines.
static_assert(sizeof(DLDataType) == 4 && sizeof(DLDevice) == 8 && sizeof(DLTensor) == 48);
static_assert(sizeof(DLManagedTensor) == 64 && sizeof(DLManagedTensorVersioned) == 80);

/// Another library: six float32 as [2, 3], and a count of the calls of its deleter.
template <typename Managed>
struct Producer {
  std::array<float, 6> values{0, 1, 2, 3, 4, 5};
  std::vector<int64_t> shape{2, 3}, strides{3, 1};
  int deleted = 0;
  Managed managed{};

  Producer() {
    managed.manager_ctx = this;
    managed.deleter = [](Managed* self) { ++static_cast<Producer*>(self->manager_ctx)->deleted; };
    managed.dl_tensor = {values.data(), {kDLCPU, 0},    2, {kDLFloat, 32, 1},
                         shape.data(),  strides.data(), 0};
    if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) managed.version = {1, 3};
  }
  DLTensor& tensor() { return managed.dl_tensor; }
  Tensor import() { return from_dlpack(&managed); }
};

template <typename Managed>
class Dlpack : public ::testing::Test {
 protected:
  /// Changes a good tensor into one that is refused; its owner stays the producer.
  template <typename Change>
  static void refuse(ErrorCode code, const std::string& text, Change change) {
    Producer<Managed> producer;
    change(producer);
    expect_error(code, text, [&] { producer.import(); });
    EXPECT_EQ(producer.deleted, 0) << text;
  }
  static Managed* export_tensor(const Tensor& tensor) {
    if constexpr (std::is_same_v<Managed, DLManagedTensor>)
      return to_dlpack(tensor);
    else
      return to_dlpack_versioned(tensor);
  }
};
using Flavours = ::testing::Types<DLManagedTensor, DLManagedTensorVersioned>;
TYPED_TEST_SUITE(Dlpack, Flavours);

TYPED_TEST(Dlpack, SharesMemoryAndDeletesOnce) {
  Producer<TypeParam> producer;
  {
    const Tensor tensor = producer.import();
    const Tensor copy = tensor;
    EXPECT_EQ(copy.dims(), (Dims{2, 3}));
    EXPECT_EQ(copy.dtype(), DType::Float32);
    EXPECT_EQ(copy.view().data, producer.values.data());
    EXPECT_EQ(producer.deleted, 0);
  }
  EXPECT_EQ(producer.deleted, 1);
  producer.managed.deleter = nullptr;
  EXPECT_EQ(producer.import().dims(), (Dims{2, 3}));
}

TYPED_TEST(Dlpack, TakesEveryDenseForm) {
  Producer<TypeParam> producer;
  producer.tensor().strides = nullptr;
  producer.tensor().byte_offset = 4;
  producer.shape = {1, 5};
  const Tensor tensor = producer.import();
  EXPECT_EQ(tensor.as<float>()[0], 1);
  producer.shape = {1, 6, 1};  // strides along an extent of 1 mean nothing
  producer.strides = {99, 1, -7};
  producer.tensor().ndim = 3;
  producer.tensor().byte_offset = 0;
  producer.tensor().shape = producer.shape.data();
  producer.tensor().strides = producer.strides.data();
  EXPECT_EQ(producer.import().dims(), (Dims{1, 6, 1}));
  producer.shape = {2, 0, 3};
  producer.tensor().data = nullptr;
  EXPECT_EQ(producer.import().dims(), (Dims{2, 0, 3}));
  producer.tensor() = {
      producer.values.data(), {kDLCPU, 0}, 0, {kDLFloat, 32, 1}, nullptr, nullptr, 0};
  EXPECT_EQ(producer.import().dims(), Dims{});
  EXPECT_EQ(producer.deleted, 3);
}

TYPED_TEST(Dlpack, RefusesAndLeavesTheTensorToItsOwner) {
  using Made = Producer<TypeParam>;
  const auto refuse = [](ErrorCode code, const std::string& text, auto change) {
    TestFixture::refuse(code, text, change);
  };
  refuse(ErrorCode::Unsupported, "2x3 with strides (1, 2), expected the dense, row-major (3, 1)",
         [](Made& made) {
           made.strides = {1, 2};
         });
  refuse(ErrorCode::Unsupported, "strides (-3, 1)", [](Made& made) { made.strides[0] = -3; });
  refuse(ErrorCode::Unsupported, "device type 7", [](Made& made) {
    made.tensor().device = {7, 0};
  });
  refuse(ErrorCode::Unsupported, "code 5, 64 bits", [](Made& made) {
    made.tensor().dtype = {5, 64, 1};
  });
  refuse(ErrorCode::Unsupported, "4 lanes", [](Made& made) {
    made.tensor().dtype = {kDLFloat, 32, 4};
  });
  refuse(ErrorCode::Unsupported, "code 0, 4 bits", [](Made& made) {
    made.tensor().dtype = {kDLInt, 4, 1};
  });
  const auto invalid = ErrorCode::InvalidArgument;
  refuse(invalid, "-1 dimensions", [](Made& made) { made.tensor().ndim = -1; });
  refuse(invalid, "65 dimensions", [](Made& made) { made.tensor().ndim = 65; });
  refuse(invalid, "shape of 2 dimensions", [](Made& made) { made.tensor().shape = nullptr; });
  refuse(invalid, "negative extent", [](Made& made) { made.shape[1] = -3; });
  refuse(invalid, "overflows", [](Made& made) { made.shape = {INT64_MAX, INT64_MAX}; });
  refuse(invalid, "data is null", [](Made& made) { made.tensor().data = nullptr; });
  refuse(invalid, "not aligned", [](Made& made) { made.tensor().byte_offset = 2; });
  expect_error(invalid, "is null", [] { from_dlpack(static_cast<TypeParam*>(nullptr)); });
}

TYPED_TEST(Dlpack, RoundTripsEveryTypeAndShape) {
  struct Code {
    DType dtype;
    int code, bits;
  };
  const Code codes[] = {
      {DType::Float32, 2, 32}, {DType::Float16, 2, 16},    {DType::BFloat16, 4, 16},
      {DType::Float64, 2, 64}, {DType::Int64, 0, 64},      {DType::Int32, 0, 32},
      {DType::Int16, 0, 16},   {DType::Int8, 0, 8},        {DType::UInt8, 1, 8},
      {DType::Bool, 6, 8},     {DType::Float8E4M3, 10, 8}, {DType::Float8E5M2, 12, 8},
      {DType::UInt16, 1, 16},  {DType::UInt32, 1, 32},     {DType::UInt64, 1, 64},
  };
  for (const auto& [dtype, code, bits] : codes)
    for (const Dims& dims : {Dims{}, Dims{3}, Dims{2, 3, 4}, Dims{2, 0, 4}}) {
      SCOPED_TRACE(std::string(dtype_name(dtype)) + " " + to_string(dims));
      TypeParam* managed = TestFixture::export_tensor(Tensor(dtype, dims));
      const DLTensor& exported = managed->dl_tensor;
      EXPECT_EQ(exported.dtype.code, code);
      EXPECT_EQ(exported.dtype.bits, bits);
      EXPECT_EQ(exported.dtype.lanes, 1);
      EXPECT_EQ(exported.device.device_type, kDLCPU);
      EXPECT_EQ(Dims(exported.shape, exported.shape + exported.ndim), dims);
      const void* const data = exported.data;
      const Tensor back = from_dlpack(managed);
      EXPECT_EQ(back.dtype(), dtype);
      EXPECT_EQ(back.dims(), dims);
      EXPECT_EQ(back.view().data, data);
    }
}

TYPED_TEST(Dlpack, ExportsStridesAndTheDevice) {
  const auto owner = std::make_shared<std::array<float, 24>>();
  const Device gpu{DeviceType::Cuda, 3};
  TypeParam* managed =
      TestFixture::export_tensor(Tensor({owner->data(), DType::Float32, {2, 3, 4}, gpu}, owner));
  EXPECT_EQ(owner.use_count(), 2);
  const DLTensor& exported = managed->dl_tensor;
  EXPECT_EQ(Dims(exported.strides, exported.strides + 3), (Dims{12, 4, 1}));
  EXPECT_EQ(exported.device.device_type, kDLCUDA);
  EXPECT_EQ(exported.device.device_id, 3);
  EXPECT_EQ(from_dlpack(managed).device(), gpu);
  EXPECT_EQ(owner.use_count(), 1) << "the deleter frees what was exported";
}

TYPED_TEST(Dlpack, ExportsNoElementsOfExtentsWhoseProductOverflows) {
  TypeParam* exported =
      TestFixture::export_tensor(Tensor(DType::Float32, {0, int64_t{1} << 40, int64_t{1} << 40}));
  EXPECT_GT(exported->dl_tensor.strides[0], 0);
  const Tensor back = from_dlpack(exported);  // takes it over
  EXPECT_TRUE(back.bytes().empty());
}

TEST(DlpackVersion, IsOne) {
  Producer<DLManagedTensorVersioned> producer;
  producer.managed.version = {2, 0};
  expect_error(ErrorCode::Unsupported, "version 2.0", [&] { producer.import(); });
  EXPECT_EQ(producer.deleted, 0);
  DLManagedTensorVersioned* managed = to_dlpack_versioned(Tensor(Dims{2}));
  EXPECT_EQ(managed->version.major, 1u);
  EXPECT_EQ(managed->flags, 0u);
  managed->deleter(managed);
}

}  // namespace
}  // namespace vitro
