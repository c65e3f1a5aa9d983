#include "backends/plan_cache.h"

#include <algorithm>

#include "core/check.h"

namespace vitro {

size_t PackedForm::bytes(const TensorType& type) const {
  return static_cast<size_t>(num_elements(dims(type))) * dtype_size(type.dtype);
}

Constant PlanCache::packed(const Constant& constant, const PackedForm& form) {
  if (constant.storage == form.id) return constant;
  const Constant source = form.from ? packed(constant, *form.from) : rows(constant);
  const std::lock_guard lock(mutex_);
  const Key key{constant.bytes.data(), form.id + to_string(constant.type.dims)};
  if (const auto found = made_.find(key); found != made_.end()) return found->second;
  auto [result, bytes] = allocate_constant(source.type, form.bytes(source.type));
  form.pack(source.type, source.bytes.data(), bytes.data());
  result.storage = form.id;
  sources_.emplace(key, constant);
  return made_.emplace(key, std::move(result)).first->second;
}

Constant PlanCache::rows(const Constant& constant) {
  if (constant.storage.empty()) return constant;
  const PackedForm& stored = form(constant);
  const std::lock_guard lock(mutex_);
  const Key key{constant.bytes.data(), ""};
  if (const auto found = made_.find(key); found != made_.end()) return found->second;
  auto [result, bytes] = allocate_constant(constant.type);
  stored.unpack(constant.type, constant.bytes.data(), bytes.data());
  sources_.emplace(key, constant);
  return made_.emplace(key, std::move(result)).first->second;
}

const PackedForm& PlanCache::form(const Constant& constant) const {
  for (const PackedForm* known : forms_)
    if (known->id == constant.storage && known->unpack) return *known;
  fail(ErrorCode::Unsupported, "a constant of {} is stored as '{}', which this build cannot read",
       to_string(constant.type.dims), constant.storage);
}

std::shared_ptr<PlanCache::Kept> PlanCache::keep(
    const std::string& key, const std::function<std::shared_ptr<Kept>()>& make) {
  const std::lock_guard lock(mutex_);
  if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
  return kept_.emplace(key, make()).first->second;
}

std::vector<PlanCache::Entry> PlanCache::entries() const {
  std::unique_lock lock(mutex_);
  std::map<std::string, Entry> by_form;
  for (const auto& [key, constant] : made_) {
    Entry& entry = by_form[constant.storage];
    entry.form = constant.storage;
    ++entry.count;
    entry.bytes += constant.bytes.size();
  }
  std::vector<Entry> result;
  for (auto& [form, entry] : by_form) result.push_back(std::move(entry));
  const auto kept = kept_;
  lock.unlock();  // who is kept may be asking this cache for rows meanwhile
  for (const auto& [key, one] : kept) result.push_back(one->entry());
  return result;
}

std::map<const std::byte*, Constant> PlanCache::storable() const {
  const std::lock_guard lock(mutex_);
  std::map<const std::byte*, Constant> result;
  for (const auto& [key, constant] : made_) {
    const auto has_inverse = [&storage = constant.storage](const PackedForm* form) {
      return form->id == storage && form->unpack;
    };
    if (std::any_of(forms_.begin(), forms_.end(), has_inverse)) result.emplace(key.first, constant);
  }
  return result;
}

}  // namespace vitro
