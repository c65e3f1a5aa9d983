#pragma once

#include <functional>
#include <future>
#include <list>
#include <shared_mutex>

#include "runtime/lane_pool.h"

namespace vitro {

/// The programs of a session, by the extents of the inputs. Each shape is compiled once, however
/// many threads ask for it at the same time; they wait for the one that came first. The shape that
/// was used longest ago makes room for a new one.
class ProgramCache {
 public:
  using Compile = std::function<std::unique_ptr<const Executable>(std::span<const TensorType>)>;

  /// `on_evict` is called when a program has made room.
  ProgramCache(size_t capacity, Compile compile, std::function<void()> on_evict);

  /// The program for inputs of these extents; allocates nothing when there is one. Throws what
  /// compiling throws, to everyone who waited for it.
  std::shared_ptr<const CompiledProgram> get(std::span<const TensorView> inputs);

 private:
  using Program = std::shared_ptr<CompiledProgram>;
  struct Entry {
    Entry(std::vector<TensorType> types, std::shared_future<Program> future, uint64_t use)
        : inputs(std::move(types)), program(std::move(future)), last_use(use) {}

    std::vector<TensorType> inputs;
    std::shared_future<Program> program;
    std::atomic<uint64_t> last_use;
  };

  std::optional<std::shared_future<Program>> find(std::span<const TensorView> inputs);
  Program compile(std::span<const TensorView> inputs, std::promise<Program> promise);
  void evict_one();

  const size_t capacity_;
  const Compile compile_;
  const std::function<void()> on_evict_;
  std::shared_mutex mutex_;
  std::list<Entry> entries_;
  std::atomic<uint64_t> clock_ = 0;
};

}  // namespace vitro
