#include "backends/cuda/device_state.h"

#include <dlfcn.h>

#include <array>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {
namespace {

// The part of nvml.h that is used: the library comes with the driver, its header does not come with
// every toolkit. Zero is success.
using NvmlDevice = struct nvmlDevice_st*;
constexpr int kClockSm = 1, kClockMemory = 2, kTemperatureGpu = 0;

struct Nvml {
  int (*init)() = nullptr;
  int (*driver_version)(char* text, unsigned length) = nullptr;
  int (*device_by_bus_id)(const char* bus_id, NvmlDevice* device) = nullptr;
  int (*clock)(NvmlDevice device, int type, unsigned* mhz) = nullptr;
  int (*max_clock)(NvmlDevice device, int type, unsigned* mhz) = nullptr;
  int (*power)(NvmlDevice device, unsigned* milliwatts) = nullptr;
  int (*temperature)(NvmlDevice device, int sensor, unsigned* celsius) = nullptr;
  int (*throttle_reasons)(NvmlDevice device, unsigned long long* reasons) = nullptr;
  std::string missing;  ///< why it cannot be asked; empty: it can
};

template <typename Function>
void resolve(void* library, const char* name, Function& function, std::string& missing) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function && missing.empty()) missing = std::string("libnvidia-ml.so.1 has no ") + name;
}

Nvml load_nvml() {
  Nvml nvml;
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    nvml.missing = "no libnvidia-ml.so.1, which comes with the driver";
    return nvml;
  }
  resolve(library, "nvmlInit_v2", nvml.init, nvml.missing);
  resolve(library, "nvmlSystemGetDriverVersion", nvml.driver_version, nvml.missing);
  resolve(library, "nvmlDeviceGetHandleByPciBusId_v2", nvml.device_by_bus_id, nvml.missing);
  resolve(library, "nvmlDeviceGetClockInfo", nvml.clock, nvml.missing);
  resolve(library, "nvmlDeviceGetMaxClockInfo", nvml.max_clock, nvml.missing);
  resolve(library, "nvmlDeviceGetPowerUsage", nvml.power, nvml.missing);
  resolve(library, "nvmlDeviceGetTemperature", nvml.temperature, nvml.missing);
  resolve(library, "nvmlDeviceGetCurrentClocksThrottleReasons", nvml.throttle_reasons,
          nvml.missing);
  if (nvml.missing.empty() && nvml.init() != 0) nvml.missing = "libnvidia-ml.so.1 does not start";
  return nvml;
}

const Nvml& nvml() {
  static const Nvml loaded = load_nvml();
  return loaded;
}

/// What a function that writes one number says; nothing when it fails.
template <typename Ask>
std::optional<int> number(const Ask& ask) {
  unsigned value = 0;
  if (ask(&value) != 0) return std::nullopt;
  return static_cast<int>(value);
}

}  // namespace

std::string throttle_text(unsigned long long reasons) {
  struct Reason {
    unsigned long long mask;
    const char* text;
  };
  constexpr std::array<Reason, 6> kReasons{{{0x02, "clock set by an application"},
                                            {0x04, "power cap"},
                                            {0x08 | 0x80, "hardware slowdown"},
                                            {0x10, "synchronised with other GPUs"},
                                            {0x20 | 0x40, "heat"},
                                            {0x100, "clock set for a display"}}};
  std::string text;
  for (const Reason& reason : kReasons)
    if (reasons & reason.mask) text += (text.empty() ? "" : ", ") + std::string(reason.text);
  return text;
}

DeviceState device_state(int device) {
  DeviceState state;
  state.name = device_info(device).name;
  const Nvml& library = nvml();
  state.missing = library.missing;
  if (!state.missing.empty()) return state;
  std::array<char, 32> bus_id{};
  check_cuda(cudaDeviceGetPCIBusId(bus_id.data(), static_cast<int>(bus_id.size()), device),
             "cudaDeviceGetPCIBusId");
  NvmlDevice handle = nullptr;
  if (library.device_by_bus_id(bus_id.data(), &handle) != 0) {
    state.missing = std::string("libnvidia-ml.so.1 does not know the GPU at ") + bus_id.data();
    return state;
  }
  std::array<char, 96> driver{};
  if (library.driver_version(driver.data(), static_cast<unsigned>(driver.size())) == 0)
    state.driver = driver.data();
  state.clock_mhz = number([&](unsigned* v) { return library.clock(handle, kClockSm, v); });
  state.max_clock_mhz = number([&](unsigned* v) { return library.max_clock(handle, kClockSm, v); });
  state.memory_clock_mhz =
      number([&](unsigned* v) { return library.clock(handle, kClockMemory, v); });
  state.temperature_c =
      number([&](unsigned* v) { return library.temperature(handle, kTemperatureGpu, v); });
  if (const auto milliwatts = number([&](unsigned* v) { return library.power(handle, v); }))
    state.power_w = *milliwatts / 1000.0;
  unsigned long long reasons = 0;
  if (library.throttle_reasons(handle, &reasons) == 0) state.throttled = throttle_text(reasons);
  return state;
}

}  // namespace vitro::cuda
