#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/made_from.h"
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
  /// What make(memory) writes to so many bytes on the device. It follows from `from` alone.
  const void* made(const MadeFrom& from, size_t bytes, const std::function<void(void*)>& make);
  /// What make() returns, float32. It follows from `from` alone.
  template <typename Make>
  const float* derived(const MadeFrom& from, const Make& make) {
    const std::lock_guard lock(mutex_);
    if (const std::byte* found = find(from)) return reinterpret_cast<const float*>(found);
    const std::vector<float> values = make();
    return reinterpret_cast<const float*>(keep(from, upload(Element::Float32, values)));
  }

 private:
  const std::byte* find(const MadeFrom& from) const;
  const std::byte* keep(const MadeFrom& from, DeviceMemory memory);
  const float* parts_of(const Constant& constant, const std::string& form,
                        const std::string& parts_form);
  DeviceMemory upload(Element element, std::span<const float> values) const;

  const int device_;
  const Element element_;
  mutable std::mutex mutex_;
  std::map<MadeFrom, DeviceMemory> entries_;
};

}  // namespace vitro::cuda
