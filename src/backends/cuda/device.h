#pragma once

#include <optional>
#include <string>

#include "backends/kernel.h"

namespace vitro::cuda {

/// What kernels are chosen by.
struct DeviceInfo {
  std::string name;    ///< "NVIDIA H100 80GB HBM3"
  int capability = 0;  ///< 90 for 9.0
  int num_sms = 0;
  size_t memory_bytes = 0;
};

/// Why no GPU of this machine can be used; nothing when device 0 can. Asks once.
const std::optional<Refusal>& device_refusal();
/// 0 when the driver finds none, or there is no driver.
int device_count();
/// Throws InvalidArgument for a device that there is not.
const DeviceInfo& device_info(int device);
/// "sm_90a": what the kernels are written for; the device's own when that is older.
std::string architecture(const DeviceInfo& info);

/// Makes a device that of the calling thread, until the end of the scope.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  DeviceScope(const DeviceScope&) = delete;
  ~DeviceScope();

 private:
  int before_ = 0;
  bool changed_ = false;
};

/// Memory of the current device. Throws OutOfMemory.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(size_t bytes);
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceMemory();

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace vitro::cuda
