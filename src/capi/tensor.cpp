#include "capi/tensor.h"

#include "capi/status.h"
#include "vitro/dlpack.h"

namespace vitro::capi {
namespace {

constexpr int32_t kMaxRank = 64;

static_assert(VITRO_FLOAT32 == int(DType::Float32) && VITRO_FLOAT16 == int(DType::Float16) &&
              VITRO_BFLOAT16 == int(DType::BFloat16) && VITRO_FLOAT64 == int(DType::Float64) &&
              VITRO_INT64 == int(DType::Int64) && VITRO_INT32 == int(DType::Int32) &&
              VITRO_INT16 == int(DType::Int16) && VITRO_INT8 == int(DType::Int8) &&
              VITRO_UINT8 == int(DType::UInt8) && VITRO_BOOL == int(DType::Bool) &&
              VITRO_FLOAT8_E4M3 == int(DType::Float8E4M3) &&
              VITRO_FLOAT8_E5M2 == int(DType::Float8E5M2) && VITRO_UINT16 == int(DType::UInt16) &&
              VITRO_UINT32 == int(DType::UInt32) && VITRO_UINT64 == int(DType::UInt64));
static_assert(VITRO_CPU == int(DeviceType::Cpu) && VITRO_CUDA == int(DeviceType::Cuda) &&
              VITRO_CUDA_HOST == int(DeviceType::CudaHost));

Device device_from_c(vitro_device_type type, int32_t index) {
  check(type >= VITRO_CPU && type <= VITRO_CUDA_HOST, ErrorCode::InvalidArgument,
        "device type {}, expected 0 to {}", type, int(VITRO_CUDA_HOST));
  return {static_cast<DeviceType>(type), index};
}

/// Calls `release` when it is destroyed, once it has it.
struct Release {
  void (*release)(void*) = nullptr;
  void* context = nullptr;

  Release() = default;
  Release(const Release&) = delete;
  Release& operator=(const Release&) = delete;
  ~Release() {
    if (release != nullptr) release(context);
  }
};

/// The handle comes first: nothing may throw once the tensor is taken over.
template <typename Managed>
vitro_tensor* imported(Managed* managed) {
  auto handle = std::make_unique<vitro_tensor>();
  handle->tensor = from_dlpack(managed);
  return handle.release();
}

}  // namespace

DType dtype_from_c(vitro_dtype dtype) {
  check(dtype >= VITRO_FLOAT32 && dtype <= VITRO_UINT64, ErrorCode::InvalidArgument,
        "dtype {}, expected 0 to {}", dtype, int(VITRO_UINT64));
  return static_cast<DType>(dtype);
}

Dims dims_from_c(const int64_t* dims, int32_t rank) {
  check(rank >= 0 && rank <= kMaxRank, ErrorCode::InvalidArgument, "rank {}, expected 0 to {}",
        rank, kMaxRank);
  check(dims != nullptr || rank == 0, ErrorCode::InvalidArgument, "dims of rank {} are NULL", rank);
  return Dims(dims, dims + rank);
}

TensorView view_from_c(const vitro_view& view) {
  return {view.data, dtype_from_c(view.dtype), dims_from_c(view.dims, view.rank),
          device_from_c(view.device_type, view.device_index)};
}

std::vector<TensorView> views_from_c(const vitro_view* views, size_t count, const char* name) {
  std::vector<TensorView> result;
  for (size_t i = 0; i < count; ++i) result.push_back(view_from_c((&required(views, name))[i]));
  return result;
}

}  // namespace vitro::capi

using namespace vitro::capi;

extern "C" {

vitro_code vitro_tensor_create(vitro_dtype dtype, const int64_t* dims, int32_t rank,
                               vitro_tensor** tensor) {
  return guarded_result(tensor, "tensor", [&] {
    return new vitro_tensor{vitro::Tensor(dtype_from_c(dtype), dims_from_c(dims, rank))};
  });
}

vitro_code vitro_tensor_wrap(const vitro_view* view, void (*release)(void* context), void* context,
                             vitro_tensor** tensor) {
  return guarded_result(tensor, "tensor", [&] {
    auto owner = std::make_shared<Release>();
    auto* made = new vitro_tensor{vitro::Tensor(view_from_c(required(view, "view")), owner)};
    owner->release = release;
    owner->context = context;
    return made;
  });
}

vitro_code vitro_tensor_view(const vitro_tensor* tensor, vitro_view* view) {
  return guarded_result(view, "view", [&] {
    const vitro::TensorView& from = required(tensor, "tensor").tensor.view();
    return vitro_view{from.data,
                      from.dims.data(),
                      static_cast<int32_t>(from.dims.size()),
                      dtype_to_c(from.dtype),
                      static_cast<vitro_device_type>(from.device.type),
                      from.device.index};
  });
}

void vitro_tensor_free(vitro_tensor* tensor) { delete tensor; }

vitro_code vitro_tensor_from_dlpack(struct DLManagedTensor* managed, vitro_tensor** tensor) {
  return guarded_result(tensor, "tensor", [&] { return imported(managed); });
}

vitro_code vitro_tensor_from_dlpack_versioned(struct DLManagedTensorVersioned* managed,
                                              vitro_tensor** tensor) {
  return guarded_result(tensor, "tensor", [&] { return imported(managed); });
}

vitro_code vitro_tensor_to_dlpack(const vitro_tensor* tensor, struct DLManagedTensor** managed) {
  return guarded_result(managed, "managed",
                        [&] { return vitro::to_dlpack(required(tensor, "tensor").tensor); });
}

vitro_code vitro_tensor_to_dlpack_versioned(const vitro_tensor* tensor,
                                            struct DLManagedTensorVersioned** managed) {
  return guarded_result(managed, "managed", [&] {
    return vitro::to_dlpack_versioned(required(tensor, "tensor").tensor);
  });
}

}  // extern "C"
