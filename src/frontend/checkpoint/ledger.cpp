#include "frontend/checkpoint/ledger.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "core/check.h"
#include "core/checksum.h"
#include "core/convert.h"
#include "core/edit_distance.h"

namespace vitro {
namespace {

constexpr size_t kMaxListed = 10;
constexpr size_t kMaxCompared = 2000;  // names among which the nearest one is looked for
/// Of BatchNorm, of torch.optim.swa_utils, and of the package thop.
constexpr std::array<std::string_view, 4> kCounters{"num_batches_tracked", "n_averaged",
                                                    "total_ops", "total_params"};

bool is_float(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Float16 || dtype == DType::BFloat16 ||
         dtype == DType::Float64;
}

/// Appends lines while there are less than kMaxListed in all, and says how many were left out.
void append_list(std::string& message, size_t& lines, const char* title,
                 const std::vector<std::string>& list) {
  size_t shown = 0;
  for (; shown < list.size() && lines < kMaxListed; ++shown, ++lines)
    message += fmt::format("\n  {}: {}", title, list[shown]);
  if (shown < list.size())
    message +=
        fmt::format("\n  {}: {}{} more", title, shown == 0 ? "" : "... and ", list.size() - shown);
}

/// The orphan whose name takes the fewest edits, if that is less than half of the name.
std::string_view nearest(std::string_view name, const std::vector<std::string>& orphans) {
  std::string_view best;
  size_t distance = name.size() / 2;
  for (size_t i = 0; i < std::min(orphans.size(), kMaxCompared); ++i) {
    const std::string& orphan = orphans[i];
    const std::string_view candidate = std::string_view(orphan).substr(0, orphan.find(" ["));
    if (candidate.size() >= name.size() + distance) continue;
    if (const size_t d = edit_distance(name, candidate); d < distance) {
      distance = d;
      best = orphan;
    }
  }
  return best;
}

bool lies_within(std::span<const std::byte> inner, std::span<const std::byte> outer) {
  const std::less_equal<const std::byte*> ordered;
  return ordered(outer.data(), inner.data()) &&
         ordered(inner.data() + inner.size(), outer.data() + outer.size());
}

}  // namespace

bool is_counter(std::string_view name, const Dims& dims) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return num_elements(dims) == 1 &&
         std::find(kCounters.begin(), kCounters.end(), last) != kCounters.end();
}

WeightLedger::WeightLedger(TensorFile file, std::string source, std::string architecture,
                           MappedFiles maps)
    : file_(std::move(file)),
      source_(std::move(source)),
      architecture_(std::move(architecture)),
      maps_(std::move(maps)) {
  for (const TensorEntry& tensor : file_.tensors) {
    const bool is_new = slots_.try_emplace(tensor.name, Slot{&tensor}).second;
    check(is_new, ErrorCode::CorruptFile, "checkpoint '{}': two tensors are named '{}'", source_,
          tensor.name);
  }
}

Constant WeightLedger::take(const std::string& name, const Dims& dims, std::string_view consumer) {
  const auto found = slots_.find(name);
  if (found == slots_.end()) {
    missing_.emplace_back(name, fmt::format("[{}] for {}", to_string(dims), consumer));
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
  for (const auto& map : maps_)
    if (lies_within(tensor.bytes, map->bytes())) map->drop_pages(tensor.bytes);
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
    if (slot.taken || !is_counter(name, slot.tensor->dims)) continue;
    slot.taken = true;
    record(*slot.tensor, "counter, ignored");
  }
}

std::vector<std::string> WeightLedger::orphans() const {
  std::vector<std::string> orphans;
  for (const auto& [name, slot] : slots_)
    if (!slot.taken) orphans.push_back(fmt::format("{} [{}]", name, to_string(slot.tensor->dims)));
  return orphans;
}

void WeightLedger::finish() {
  consume_counters();
  std::vector<std::string> left = orphans();
  if (!has_faults() && left.empty()) return;
  std::string message = fmt::format(
      "checkpoint '{}': weights do not fit architecture '{}': {} missing, {} orphaned, {} misfit",
      source_, architecture_, missing_.size(), left.size(), misfits_.size());
  std::vector<std::string> missing;
  for (const auto& [name, rest] : missing_) {
    missing.push_back(fmt::format("{} {}", name, rest));
    if (missing.size() > kMaxListed) continue;  // not shown
    if (const std::string_view near = nearest(name, left); !near.empty())
      missing.back() += fmt::format("; nearest in the file: {}", near);
  }
  size_t lines = 0;
  append_list(message, lines, "missing", missing);
  append_list(message, lines, "misfit", misfits_);
  append_list(message, lines, "orphan", left);
  throw Error(ErrorCode::InvalidArgument, message);
}

}  // namespace vitro
