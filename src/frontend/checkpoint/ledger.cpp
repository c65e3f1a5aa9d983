#include "frontend/checkpoint/ledger.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <utility>

#include "core/check.h"
#include "core/checksum.h"
#include "core/convert.h"

namespace vitro {
namespace {

constexpr size_t kMaxListed = 20;
constexpr std::string_view kCounter = ".num_batches_tracked";

bool is_float(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Float16 || dtype == DType::BFloat16 ||
         dtype == DType::Float64;
}

void append_list(std::string& message, const char* title, const std::vector<std::string>& lines) {
  for (size_t i = 0; i < std::min(lines.size(), kMaxListed); ++i)
    message += fmt::format("\n  {}: {}", title, lines[i]);
  if (lines.size() > kMaxListed)
    message += fmt::format("\n  {}: ... and {} more", title, lines.size() - kMaxListed);
}

bool lies_within(std::span<const std::byte> inner, std::span<const std::byte> outer) {
  const std::less_equal<const std::byte*> ordered;
  return ordered(outer.data(), inner.data()) &&
         ordered(inner.data() + inner.size(), outer.data() + outer.size());
}

}  // namespace

WeightLedger::WeightLedger(TensorFile file, std::string source, std::string architecture,
                           std::shared_ptr<const MappedFile> map)
    : file_(std::move(file)),
      source_(std::move(source)),
      architecture_(std::move(architecture)),
      map_(std::move(map)) {
  for (const TensorEntry& tensor : file_.tensors) {
    const bool is_new = slots_.try_emplace(tensor.name, Slot{&tensor}).second;
    check(is_new, ErrorCode::CorruptFile, "checkpoint '{}': two tensors are named '{}'", source_,
          tensor.name);
  }
}

Constant WeightLedger::take(const std::string& name, const Dims& dims, std::string_view consumer) {
  const auto found = slots_.find(name);
  if (found == slots_.end()) {
    missing_.push_back(fmt::format("{} [{}] for {}", name, to_string(dims), consumer));
    return zeros(dims);
  }
  Slot& slot = found->second;
  check(!slot.taken, ErrorCode::Internal,
        "checkpoint '{}': tensor '{}' is wanted by '{}' but was taken before", source_, name,
        consumer);
  slot.taken = true;
  const TensorEntry& tensor = *slot.tensor;
  // After a fault nothing but the list of faults will be used.
  if (!fits(tensor, dims, consumer) || has_faults()) return zeros(dims);
  auto [constant, values] = allocate_floats(dims);
  to_float32(tensor.dtype, tensor.bytes, values.data());
  count_non_finite(name, values);
  record(tensor, std::string(consumer));
  if (map_ && lies_within(tensor.bytes, map_->bytes())) map_->drop_pages(tensor.bytes);
  return constant;
}

bool WeightLedger::fits(const TensorEntry& tensor, const Dims& dims, std::string_view consumer) {
  if (tensor.dims != dims) {
    misfits_.push_back(fmt::format("{}: found [{}], expected [{}] for {}", tensor.name,
                                   to_string(tensor.dims), to_string(dims), consumer));
    return false;
  }
  if (!is_float(tensor.dtype)) {
    misfits_.push_back(fmt::format("{}: found {}, expected F32, F16, BF16 or F64 for {}",
                                   tensor.name, dtype_name(tensor.dtype), consumer));
    return false;
  }
  const size_t expected = static_cast<size_t>(num_elements(dims)) * dtype_size(tensor.dtype);
  check(tensor.bytes.size() == expected, ErrorCode::CorruptFile,
        "checkpoint '{}': tensor '{}' has {} bytes, expected {}", source_, tensor.name,
        tensor.bytes.size(), expected);
  return true;
}

Constant WeightLedger::zeros(const Dims& dims) {
  const size_t size = dense_bytes({DType::Float32, dims});
  if (zeros_.bytes.size() < size) {
    auto [constant, values] = allocate_floats(dims);
    std::fill(values.begin(), values.end(), 0.0f);
    zeros_ = std::move(constant);
  }
  Constant result = zeros_;
  result.type.dims = dims;
  result.bytes = zeros_.bytes.first(size);
  return result;
}

void WeightLedger::record(const TensorEntry& tensor, std::string consumer) {
  entries_.push_back(
      {tensor.name, tensor.dims, tensor.dtype, std::move(consumer), checksum(tensor.bytes)});
}

void WeightLedger::count_non_finite(const std::string& name, std::span<const float> values) {
  // On the bits, because the compiler may assume that there are no NaN.
  constexpr uint32_t kMagnitude = 0x7FFFFFFFu, kInfinity = 0x7F800000u;
  NonFiniteWeights counts{name};
  for (const float value : values) {
    const uint32_t bits = std::bit_cast<uint32_t>(value) & kMagnitude;
    counts.num_nan += bits > kInfinity;
    counts.num_infinite += bits == kInfinity;
  }
  if (counts.num_nan + counts.num_infinite > 0) non_finite_.push_back(std::move(counts));
}

void WeightLedger::consume_counters() {
  for (auto& [name, slot] : slots_) {
    if (slot.taken || !name.ends_with(kCounter) || is_float(slot.tensor->dtype)) continue;
    const std::string module(name.substr(0, name.size() - kCounter.size()));
    const auto mean = slots_.find(module + ".running_mean");
    if (mean == slots_.end() || !mean->second.taken) continue;
    slot.taken = true;
    record(*slot.tensor, "batch_norm (counter, ignored)");
  }
}

void WeightLedger::finish() {
  consume_counters();
  std::vector<std::string> orphans;
  for (const auto& [name, slot] : slots_)
    if (!slot.taken) orphans.push_back(fmt::format("{} [{}]", name, to_string(slot.tensor->dims)));
  if (!has_faults() && orphans.empty()) return;
  std::string message = fmt::format(
      "checkpoint '{}': weights do not fit architecture '{}': {} missing, {} orphaned, {} misfit",
      source_, architecture_, missing_.size(), orphans.size(), misfits_.size());
  append_list(message, "missing", missing_);
  append_list(message, "orphan", orphans);
  append_list(message, "misfit", misfits_);
  throw Error(ErrorCode::InvalidArgument, message,
              "name the architecture of the checkpoint with --arch");
}

}  // namespace vitro
