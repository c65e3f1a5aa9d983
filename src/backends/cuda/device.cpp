#include "backends/cuda/device.h"

#include <vector>

#include "backends/cuda/kernels/launch.h"
#include "core/check.h"

namespace vitro::cuda {
namespace {

constexpr int kMinCapability = 80;

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

/// Why the runtime finds no device.
std::string missing_device(cudaError_t status) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  if (status == cudaErrorNoDevice) return "the NVIDIA driver finds no GPU: see 'nvidia-smi'";
  if (status == cudaErrorInsufficientDriver && driver == 0)
    return "no NVIDIA driver (libcuda.so.1): install one, or on a container run it with --gpus all";
  if (status == cudaErrorInsufficientDriver)
    return fmt::format(
        "the NVIDIA driver is for CUDA {}, this build needs {}: install a newer driver",
        version_text(driver), version_text(CUDART_VERSION));
  return fmt::format("{}: {}", cudaGetErrorName(status), cudaGetErrorString(status));
}

std::optional<Refusal> examine() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0)
    return Refusal{
        missing_device(count == 0 && status == cudaSuccess ? cudaErrorNoDevice : status)};
  const DeviceInfo& info = device_info(0);
  if (info.capability < kMinCapability)
    return Refusal{fmt::format("{} is of compute capability {}.{}, the kernels need {}.{}",
                               info.name, info.capability / 10, info.capability % 10,
                               kMinCapability / 10, kMinCapability % 10)};
  const DeviceScope scope(0);
  const cudaError_t code = find_code();
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorInvalidDeviceFunction)
    return Refusal{
        fmt::format("this build has no kernels for {} (sm_{}): build it with "
                    "-DVITRO_CUDA_ARCHITECTURES={}-real",
                    info.name, info.capability, info.capability)};
  if (code != cudaSuccess)
    return Refusal{
        fmt::format("{}: {}: {}", info.name, cudaGetErrorName(code), cudaGetErrorString(code))};
  return std::nullopt;
}

std::vector<DeviceInfo> all_devices() {
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < device_count(); ++i) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, i), "cudaGetDeviceProperties");
    devices.push_back({properties.name, properties.major * 10 + properties.minor,
                       properties.multiProcessorCount, properties.totalGlobalMem});
  }
  return devices;
}

}  // namespace

const std::optional<Refusal>& device_refusal() {
  static const std::optional<Refusal> refusal = examine();
  return refusal;
}

int device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

const DeviceInfo& device_info(int device) {
  static const std::vector<DeviceInfo> devices = all_devices();
  check(device >= 0 && static_cast<size_t>(device) < devices.size(), ErrorCode::InvalidArgument,
        "device {}: this machine has {}", device, devices.size());
  return devices[static_cast<size_t>(device)];
}

std::string architecture(const DeviceInfo& info) {
  return fmt::format("sm_{}{}", info.capability, info.capability == 90 ? "a" : "");
}

DeviceScope::DeviceScope(int device) {
  check_cuda(cudaGetDevice(&before_), "cudaGetDevice");
  changed_ = before_ != device;
  if (changed_) check_cuda(cudaSetDevice(device), "cudaSetDevice");
}

DeviceScope::~DeviceScope() {
  if (changed_) cudaSetDevice(before_);
}

DeviceMemory::DeviceMemory(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* data = nullptr;
  const std::string what = fmt::format("{} bytes of GPU memory", bytes);
  check_cuda(cudaMalloc(&data, bytes), what.c_str());
  data_ = static_cast<std::byte*>(data);
}

DeviceMemory::~DeviceMemory() { cudaFree(data_); }

}  // namespace vitro::cuda
