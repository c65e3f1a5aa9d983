#pragma once

#include <memory>

#include "vitro/tensor.h"

namespace vitro {

/// Zero-filled memory of a device, whose type it serves; throws OutOfMemory, and DeviceError when
/// the device cannot be used.
using DeviceAllocator = std::shared_ptr<std::byte> (*)(size_t bytes, Device device);

/// From now on tensors of this type of device are allocated so. For backends, which are linked
/// where they are built.
void set_device_allocator(DeviceType type, DeviceAllocator allocator);

}  // namespace vitro
