#include "vitro/dlpack.h"

#include <fmt/ranges.h>

#include "core/check.h"
#include "core/dlpack_abi.h"

namespace vitro {
namespace {

constexpr int32_t kMaxRank = 64;
constexpr DLPackVersion kVersion{1, 0};

struct TypeCode {
  DType dtype;
  DLDataTypeCode code;
};
// Bits follow from the dtype.
constexpr TypeCode kTypeCodes[] = {
    {DType::Float32, kDLFloat},
    {DType::Float16, kDLFloat},
    {DType::BFloat16, kDLBfloat},
    {DType::Float64, kDLFloat},
    {DType::Int64, kDLInt},
    {DType::Int32, kDLInt},
    {DType::Int16, kDLInt},
    {DType::Int8, kDLInt},
    {DType::UInt8, kDLUInt},
    {DType::Bool, kDLBool},
    {DType::Float8E4M3, kDLFloat8_e4m3fn},
    {DType::Float8E5M2, kDLFloat8_e5m2},
    {DType::UInt16, kDLUInt},
    {DType::UInt32, kDLUInt},
    {DType::UInt64, kDLUInt},
};

DType dtype_from_dlpack(DLDataType type) {
  for (const auto& [dtype, code] : kTypeCodes)
    if (type.code == code && type.bits == 8 * dtype_size(dtype) && type.lanes == 1) return dtype;
  fail(ErrorCode::Unsupported, "dlpack: elements of code {}, {} bits and {} lanes", type.code,
       type.bits, type.lanes);
}

DLDataType dtype_to_dlpack(DType dtype) {
  for (const TypeCode& type : kTypeCodes)
    if (type.dtype == dtype) return {type.code, static_cast<uint8_t>(8 * dtype_size(dtype)), 1};
  fail(ErrorCode::Internal, "dlpack: no code for elements of {}", dtype_name(dtype));
}

Device device_from_dlpack(DLDevice device) {
  switch (device.device_type) {
    case kDLCPU:
      return {};
    case kDLCUDA:
      return {DeviceType::Cuda, device.device_id};
    case kDLCUDAHost:
      return {DeviceType::CudaHost, device.device_id};
    default:
      fail(ErrorCode::Unsupported,
           "dlpack: device type {}, expected 1 (cpu), 2 (cuda) or 3 "
           "(cuda_host)",
           device.device_type);
  }
}

DLDevice device_to_dlpack(Device device) {
  switch (device.type) {
    case DeviceType::Cpu:
      return {kDLCPU, device.index};
    case DeviceType::Cuda:
      return {kDLCUDA, device.index};
    case DeviceType::CudaHost:
      return {kDLCUDAHost, device.index};
  }
  fail(ErrorCode::Internal, "dlpack: unknown device type {}", static_cast<int>(device.type));
}

Dims row_major_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  if (num_elements(dims) == 0) return strides;  // any will do; products of the extents may overflow
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

/// Along an extent of 1 no step is ever taken, and without elements none at all.
void check_strides(const DLTensor& tensor, const Dims& dims) {
  if (tensor.strides == nullptr || num_elements(dims) == 0) return;
  const std::span<const int64_t> strides(tensor.strides, dims.size());
  const Dims dense = row_major_strides(dims);
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] != 1 && strides[i] != dense[i])
      fail_hint(ErrorCode::Unsupported, "make it contiguous first: tensor.contiguous() in PyTorch",
                "dlpack: tensor {} with strides ({}), expected the dense, row-major ({})",
                to_string(dims), fmt::join(strides, ", "), fmt::join(dense, ", "));
}

TensorView view_of(const DLTensor& tensor) {
  check(tensor.ndim >= 0 && tensor.ndim <= kMaxRank, ErrorCode::InvalidArgument,
        "dlpack: {} dimensions, expected 0 to {}", tensor.ndim, kMaxRank);
  check(tensor.shape != nullptr || tensor.ndim == 0, ErrorCode::InvalidArgument,
        "dlpack: the shape of {} dimensions is null", tensor.ndim);
  TensorView view;
  view.dtype = dtype_from_dlpack(tensor.dtype);
  view.device = device_from_dlpack(tensor.device);
  view.dims.assign(tensor.shape, tensor.shape + tensor.ndim);
  check_strides(tensor, view.dims);
  if (tensor.data != nullptr) view.data = static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  return view;
}

/// Calls the deleter once there is nobody left, but only of what it was given.
template <typename Managed>
struct Import {
  Managed* managed = nullptr;

  Import() = default;
  Import(const Import&) = delete;
  Import& operator=(const Import&) = delete;
  ~Import() {
    if (managed != nullptr && managed->deleter != nullptr) managed->deleter(managed);
  }
};

template <typename Managed>
Tensor import_tensor(Managed* managed) {
  auto import = std::make_shared<Import<Managed>>();
  Tensor tensor(view_of(managed->dl_tensor), import);
  import->managed = managed;  // nothing throws any more
  return tensor;
}

/// What an exported struct points to.
template <typename Managed>
struct Export {
  Tensor tensor;
  Dims dims, strides;
  Managed managed;
};

template <typename Managed>
Managed* export_tensor(const Tensor& tensor) {
  auto context = std::make_unique<Export<Managed>>(
      Export<Managed>{tensor, tensor.dims(), row_major_strides(tensor.dims()), {}});
  Managed& managed = context->managed;
  managed.dl_tensor = {tensor.view().data,
                       device_to_dlpack(tensor.device()),
                       static_cast<int32_t>(context->dims.size()),
                       dtype_to_dlpack(tensor.dtype()),
                       context->dims.data(),
                       context->strides.data(),
                       0};
  managed.deleter = [](Managed* self) { delete static_cast<Export<Managed>*>(self->manager_ctx); };
  managed.manager_ctx = context.release();
  return &managed;
}

}  // namespace

Tensor from_dlpack(DLManagedTensor* managed) {
  check(managed != nullptr, ErrorCode::InvalidArgument, "dlpack: the tensor is null");
  return import_tensor(managed);
}

Tensor from_dlpack(DLManagedTensorVersioned* managed) {
  check(managed != nullptr, ErrorCode::InvalidArgument, "dlpack: the tensor is null");
  const DLPackVersion version = managed->version;
  check(version.major == kVersion.major, ErrorCode::Unsupported,
        "dlpack: a tensor of version {}.{}, expected {}", version.major, version.minor,
        kVersion.major);
  return import_tensor(managed);
}

DLManagedTensor* to_dlpack(const Tensor& tensor) { return export_tensor<DLManagedTensor>(tensor); }

DLManagedTensorVersioned* to_dlpack_versioned(const Tensor& tensor) {
  DLManagedTensorVersioned* managed = export_tensor<DLManagedTensorVersioned>(tensor);
  managed->version = kVersion;
  return managed;
}

}  // namespace vitro
