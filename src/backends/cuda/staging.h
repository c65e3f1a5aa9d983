#pragma once

#include <memory>
#include <vector>

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/lane.h"

namespace vitro::cuda {

/// Copies between memory of a GPU and of a caller. What GPUs cannot reach by themselves, pageable
/// memory of the host, is copied through page-locked memory: the host copies a piece while the GPU
/// copies the piece before. Large pieces are copied by several threads. Locks memory and starts
/// threads when they are first needed, and keeps them. One user at a time, who has made the device
/// current.
class Staging {
 public:
  /// Bytes that are locked, at most, for tensors of up to `bytes`.
  static size_t locked_bytes(size_t bytes);
  /// The parts that a tensor of so many bytes is copied in.
  static size_t piece_bytes(size_t bytes);

  /// May use so many threads, on the cores of the options.
  explicit Staging(const LaneOptions& options) : options_(options) {}
  Staging(const Staging&) = delete;
  ~Staging();

  /// Enqueues a copy between any two kinds of memory, behind what is in the stream. When it
  /// returns, pageable memory has been read or written.
  void copy(void* dst, const void* src, size_t bytes, cudaStream_t stream);

 private:
  /// Page-locked memory of one piece, and when the GPU is through with it.
  struct Slot {
    std::byte* data = nullptr;
    cudaEvent_t done = nullptr;
  };

  void reserve(size_t slots);
  void add_slot();
  void from_pageable(void* dst, const void* src, size_t bytes, cudaStream_t stream);
  void to_pageable(void* dst, const void* src, size_t bytes, cudaStream_t stream);
  void copy_on_host(void* dst, const void* src, size_t bytes);

  const LaneOptions options_;
  std::vector<Slot> slots_;
  size_t next_ = 0;  // the slot that was used longest ago
  std::unique_ptr<ThreadTeam> team_;
};

}  // namespace vitro::cuda
