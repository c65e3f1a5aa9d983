#include "backends/cuda/device_weights.h"

#include "backends/cuda/kernels/elementwise.h"
#include "backends/cuda/kernels/linear.h"
#include "core/check.h"

namespace vitro::cuda {
namespace {

Constant float_rows(PlanCache& cache, const Constant& constant) {
  return with_dtype(cache.rows(constant), DType::Float32);
}

void copy_to(DeviceMemory& memory, const void* from, size_t bytes) {
  check_cuda(cudaMemcpy(memory.data(), from, bytes, cudaMemcpyHostToDevice), "weights to the GPU");
  // What was little may still be on its way, and lanes do not wait for the stream it goes by.
  check_cuda(cudaStreamSynchronize(nullptr), "weights to the GPU");
}

std::string form_of(DeviceWeights::ImageOrder order) {
  return order == DeviceWeights::ImageOrder::ChannelsLast ? "channels_last" : "channels_first";
}

}  // namespace

Element element_of(Precision precision) {
  if (precision == Precision::Float16) return Element::Float16;
  return precision == Precision::BFloat16 ? Element::BFloat16 : Element::Float32;
}

std::shared_ptr<DeviceWeights> DeviceWeights::of(PlanCache& cache, int device,
                                                 Precision precision) {
  const Element element = element_of(precision);  // tf32 shares the weights of fp32
  const auto make = [&] { return std::make_shared<DeviceWeights>(device, element); };
  const std::string key = fmt::format("cuda:{}:{}", device, static_cast<int>(element));
  return std::static_pointer_cast<DeviceWeights>(cache.keep(key, make));
}

DeviceWeights::~DeviceWeights() {
  // Freed with its own device current; a driver that is shutting down has freed all of it already.
  int before = 0;
  if (cudaGetDevice(&before) != cudaSuccess) return;
  cudaSetDevice(device_);
  entries_.clear();
  cudaSetDevice(before);
}

PlanCache::Entry DeviceWeights::entry() const {
  const std::lock_guard lock(mutex_);
  PlanCache::Entry all{fmt::format("cuda:device{}", device_), entries_.size(), 0};
  for (const auto& [from, memory] : entries_) all.bytes += memory.bytes();
  return all;
}

const std::byte* DeviceWeights::find(const MadeFrom& from) const {
  const auto found = entries_.find(from);
  return found == entries_.end() ? nullptr : found->second.data();
}

const std::byte* DeviceWeights::keep(const MadeFrom& from, DeviceMemory memory) {
  return entries_.insert_or_assign(from, std::move(memory)).first->second.data();
}

DeviceMemory DeviceWeights::upload(Element element, std::span<const float> values) const {
  const DeviceScope scope(device_);
  DeviceMemory floats(values.size_bytes());
  copy_to(floats, values.data(), values.size_bytes());
  if (element == Element::Float32) return floats;
  DeviceMemory stored(values.size() * element_size(element));
  cast({Element::Float32, element, floats.data(), stored.data(),
        static_cast<int64_t>(values.size())},
       {});
  check_cuda(cudaStreamSynchronize(nullptr), "rounding weights");
  return stored;
}

const void* DeviceWeights::elements(PlanCache& cache, const Constant& constant) {
  if (element_ == Element::Float32) return floats(cache, constant);
  const std::lock_guard lock(mutex_);
  if (const auto* found = find({"elements", {constant}})) return found;
  return keep({"elements", {constant}}, upload(element_, float_rows(cache, constant).floats()));
}

const void* DeviceWeights::bytes(PlanCache& cache, const Constant& constant) {
  const std::lock_guard lock(mutex_);
  if (const auto* found = find({"bytes", {constant}})) return found;
  const Constant rows = cache.rows(constant);
  const DeviceScope scope(device_);
  DeviceMemory memory(rows.bytes.size());
  copy_to(memory, rows.bytes.data(), rows.bytes.size());
  return keep({"bytes", {constant}}, std::move(memory));
}

const void* DeviceWeights::table(const std::string& key,
                                 const std::function<std::vector<std::byte>()>& make) {
  const std::lock_guard lock(mutex_);
  if (const auto* found = find({key, {}})) return found;
  const std::vector<std::byte> values = make();
  const DeviceScope scope(device_);
  DeviceMemory memory(values.size());
  copy_to(memory, values.data(), values.size());
  return keep({key, {}}, std::move(memory));
}

const float* DeviceWeights::floats(PlanCache& cache, const Constant& constant) {
  return derived({"floats", {constant}}, [&] {
    const Constant rows = float_rows(cache, constant);
    return std::vector<float>(rows.floats().begin(), rows.floats().end());
  });
}

const float* DeviceWeights::row_sums(PlanCache& cache, const Constant& constant) {
  const void* stored = elements(cache, constant);
  const MadeFrom from{"row_sums", {constant}};
  const std::lock_guard lock(mutex_);
  if (const auto* found = find(from)) return reinterpret_cast<const float*>(found);
  const DeviceScope scope(device_);
  const auto n = static_cast<int>(constant.type.dims[0]);
  const auto k = static_cast<int>(num_elements(constant.type.dims) / n);
  DeviceMemory sums(static_cast<size_t>(n) * sizeof(float));
  linear_weight_sums(element_, stored, n, k, reinterpret_cast<float*>(sums.data()), {});
  check_cuda(cudaStreamSynchronize(nullptr), "sums of weights");
  return reinterpret_cast<const float*>(keep(from, std::move(sums)));
}

const void* DeviceWeights::of_images(PlanCache& cache, const Constant& constant, ImageOrder order) {
  const MadeFrom from{form_of(order), {constant}};
  const std::lock_guard lock(mutex_);
  if (const auto* found = find(from)) return found;
  const Constant rows = float_rows(cache, constant);
  const vitro::Dims& dims = constant.type.dims;
  const auto outputs = static_cast<size_t>(dims[0]),
             pixels = static_cast<size_t>(dims[1] * dims[2]),
             channels = static_cast<size_t>(dims[3]);
  const size_t filled = (pixels * channels + 7) / 8 * 8;
  std::vector<float> values(outputs * filled);
  for (size_t o = 0; o < outputs; ++o)
    for (size_t p = 0; p < pixels; ++p)
      for (size_t c = 0; c < channels; ++c) {
        const bool last = order == ImageOrder::ChannelsLast;
        values[o * filled + (last ? p * channels + c : c * pixels + p)] =
            rows.floats()[(o * pixels + p) * channels + c];
      }
  return keep(from, upload(element_, values));
}

const void* DeviceWeights::made(const MadeFrom& from, size_t bytes,
                                const std::function<void(void*)>& make) {
  const std::lock_guard lock(mutex_);
  if (const auto* found = find(from)) return found;
  const DeviceScope scope(device_);
  DeviceMemory memory(bytes);
  make(memory.data());
  check_cuda(cudaStreamSynchronize(nullptr), from.form.c_str());
  return keep(from, std::move(memory));
}

const float* DeviceWeights::parts(PlanCache& cache, const Constant& constant) {
  elements(cache, constant);
  return parts_of(constant, "floats", "parts");
}

const float* DeviceWeights::parts_of_images(PlanCache& cache, const Constant& constant,
                                            ImageOrder order) {
  of_images(cache, constant, order);
  return parts_of(constant, form_of(order), form_of(order) + "_parts");
}

const float* DeviceWeights::parts_of(const Constant& constant, const std::string& form,
                                     const std::string& parts_form) {
  const MadeFrom from{parts_form, {constant}};
  const std::lock_guard lock(mutex_);
  if (const auto* found = find(from)) return reinterpret_cast<const float*>(found);
  const DeviceScope scope(device_);
  const DeviceMemory& weight = entries_.at({form, {constant}});
  DeviceMemory parts(2 * weight.bytes());
  linear_weight_parts(reinterpret_cast<const float*>(weight.data()),
                      static_cast<int64_t>(weight.bytes() / sizeof(float)),
                      reinterpret_cast<float*>(parts.data()), {});
  check_cuda(cudaStreamSynchronize(nullptr), "parts of weights");
  return reinterpret_cast<const float*>(keep(from, std::move(parts)));
}

}  // namespace vitro::cuda
