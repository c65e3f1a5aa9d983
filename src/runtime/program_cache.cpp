#include "runtime/program_cache.h"

#include <algorithm>

namespace vitro {
namespace {

bool same_types(std::span<const TensorType> types, std::span<const TensorView> views) {
  return std::ranges::equal(types, views, [](const TensorType& type, const TensorView& view) {
    return type.dtype == view.dtype && type.dims == view.dims;
  });
}

std::vector<TensorType> types_of(std::span<const TensorView> views) {
  std::vector<TensorType> types;
  for (const TensorView& view : views) types.push_back({view.dtype, view.dims});
  return types;
}

}  // namespace

ProgramCache::ProgramCache(size_t capacity, Compile compile, std::function<void()> on_evict)
    : capacity_(capacity), compile_(std::move(compile)), on_evict_(std::move(on_evict)) {}

std::shared_ptr<const CompiledProgram> ProgramCache::get(std::span<const TensorView> inputs) {
  {
    std::shared_lock lock(mutex_);
    if (const auto found = find(inputs)) {
      lock.unlock();  // it may still be compiled
      return found->get();
    }
  }
  std::promise<Program> promise;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = find(inputs)) {
      lock.unlock();
      return found->get();
    }
    if (entries_.size() >= capacity_) evict_one();
    entries_.emplace_front(types_of(inputs), promise.get_future().share(), ++clock_);
  }
  on_evict_();
  return compile(inputs, std::move(promise));
}

std::optional<std::shared_future<ProgramCache::Program>> ProgramCache::find(
    std::span<const TensorView> inputs) {
  for (Entry& entry : entries_) {
    if (!same_types(entry.inputs, inputs)) continue;
    entry.last_use = ++clock_;
    return entry.program;
  }
  return std::nullopt;
}

ProgramCache::Program ProgramCache::compile(std::span<const TensorView> inputs,
                                            std::promise<Program> promise) {
  try {
    auto program = std::make_shared<CompiledProgram>();
    program->executable = compile_(types_of(inputs));
    promise.set_value(program);
    return program;
  } catch (...) {
    {
      // First of all: evict_one() takes what is ready for a program.
      const std::unique_lock lock(mutex_);
      std::erase_if(entries_, [&](const Entry& entry) { return same_types(entry.inputs, inputs); });
    }
    promise.set_exception(std::current_exception());
    throw;
  }
}

/// Programs that are still being compiled stay.
void ProgramCache::evict_one() {
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const bool ready =
        entry->program.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (ready && (oldest == entries_.end() || entry->last_use < oldest->last_use)) oldest = entry;
  }
  if (oldest == entries_.end()) return;
  oldest->program.get()->evicted = true;
  entries_.erase(oldest);
}

}  // namespace vitro
