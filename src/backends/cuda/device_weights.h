#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/plan_cache.h"

namespace vitro::cuda {

/// How a precision stores activations and matrices.
Element element_of(Precision precision);

/// The constants of a plan in the memory of a device, in the forms that kernels read. Each is
/// brought there when first asked for and stays while the plan does. Threads may use it at once.
class DeviceWeights final : public PlanCache::Kept {
 public:
  DeviceWeights(int device, Element element) : device_(device), element_(element) {}
  DeviceWeights(const DeviceWeights&) = delete;
  ~DeviceWeights() override;
  PlanCache::Entry entry() const override;

  /// The one of a plan for the device and precision of an op.
  static std::shared_ptr<DeviceWeights> of(PlanCache& cache, int device, Precision precision);

  /// The elements of the constant in the storage type.
  const void* elements(PlanCache& cache, const Constant& constant);
  /// Its elements as float32.
  const float* floats(PlanCache& cache, const Constant& constant);
  /// Its bytes as they are: a matrix of int8.
  const void* bytes(PlanCache& cache, const Constant& constant);
  /// What make() returns, as it is: a table that follows from `key` alone.
  const void* table(const std::string& key, const std::function<std::vector<std::byte>()>& make);
  /// The sums of its rows as stored, float32.
  const float* row_sums(PlanCache& cache, const Constant& constant);
  /// The order in which a convolution of images has its taps: [o, c, h, w] or [o, h, w, c].
  enum class ImageOrder { ChannelsFirst, ChannelsLast };
  /// [o, h, w, c] in that order, in the storage type; zeros fill each o up to a multiple of eight
  /// elements.
  const void* of_images(PlanCache& cache, const Constant& constant, ImageOrder order);
  // Of float32, what linear_weight_parts() makes of elements() and of of_images().
  const float* parts(PlanCache& cache, const Constant& constant);
  const float* parts_of_images(PlanCache& cache, const Constant& constant, ImageOrder order);
  /// What make(memory) writes to so many bytes on the device: something derived of `constant` and
  /// others.
  const void* made(const Constant& constant, const char* form, size_t bytes,
                   const std::function<void(void*)>& make);
  /// What make() returns, float32: something derived of `constant` and others.
  template <typename Make>
  const float* derived(const Constant& constant, const char* form, const Make& make) {
    const std::lock_guard lock(mutex_);
    if (const std::byte* found = find(constant, form)) return reinterpret_cast<const float*>(found);
    const std::vector<float> values = make();
    return reinterpret_cast<const float*>(keep(constant, form, upload(Element::Float32, values)));
  }

 private:
  struct Entry {
    Constant source;  // keeps the address of the key in use
    DeviceMemory memory;
  };

  const std::byte* find(const Constant& constant, const std::string& form) const;
  const std::byte* keep(const Constant& constant, const std::string& form, DeviceMemory memory);
  const float* parts_of(const Constant& constant, const std::string& form,
                        const std::string& parts_form);
  DeviceMemory upload(Element element, std::span<const float> values) const;

  const int device_;
  const Element element_;
  mutable std::mutex mutex_;
  std::map<std::pair<const std::byte*, std::string>, Entry> entries_;
};

}  // namespace vitro::cuda
