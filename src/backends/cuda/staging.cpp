#include "backends/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/tensor_memory.h"

namespace vitro::cuda {
namespace {

// A piece costs some microseconds beside the copies, of which a megabyte takes about 25 on each
// side (PCIe 5, eight threads). Sixteen are more than both sides ever have in flight.
constexpr size_t kSlotBytes = size_t{1} << 20;
constexpr size_t kMaxSlots = 16;
// Small tensors overlap too.
constexpr size_t kPieces = 4;
constexpr size_t kPieceUnit = size_t{64} << 10;
// Waking threads takes longer than copying less than this.
constexpr size_t kParallelBytes = size_t{512} << 10;
constexpr size_t kPartBytes = size_t{128} << 10;
// A few threads saturate the memory of the host.
constexpr int kMaxThreads = 8;

size_t num_pieces(size_t bytes) {
  const size_t piece = Staging::piece_bytes(bytes);
  return (bytes + piece - 1) / piece;
}

}  // namespace

size_t Staging::piece_bytes(size_t bytes) {
  const size_t part = (bytes + kPieces - 1) / kPieces;
  return std::clamp((part + kPieceUnit - 1) / kPieceUnit * kPieceUnit, kPieceUnit, kSlotBytes);
}

size_t Staging::locked_bytes(size_t bytes) {
  return std::min(num_pieces(bytes), kMaxSlots) * kSlotBytes;
}

Staging::~Staging() {
  for (const Slot& slot : slots_) {
    cudaEventSynchronize(slot.done);
    cudaEventDestroy(slot.done);
    cudaFreeHost(slot.data);
  }
}

void Staging::add_slot() {
  Slot slot;
  void* data = nullptr;
  check_cuda(cudaHostAlloc(&data, kSlotBytes, cudaHostAllocPortable), "page-locked memory");
  slot.data = static_cast<std::byte*>(data);
  const cudaError_t status = cudaEventCreateWithFlags(&slot.done, cudaEventDisableTiming);
  if (status != cudaSuccess) cudaFreeHost(data);
  check_cuda(status, "an event");
  slots_.push_back(slot);
}

void Staging::reserve(size_t slots) {
  slots_.reserve(kMaxSlots);
  while (slots_.size() < std::min(slots, kMaxSlots)) add_slot();
}

void Staging::copy_on_host(void* dst, const void* src, size_t bytes) {
  const int threads = std::min(options_.threads, kMaxThreads);
  if (bytes < kParallelBytes || threads == 1) {
    std::memcpy(dst, src, bytes);
    return;
  }
  if (!team_) team_ = std::make_unique<ThreadTeam>(threads, options_.cores);
  const auto parts = static_cast<int64_t>((bytes + kPartBytes - 1) / kPartBytes);
  team_->parallel_for(parts, [&](int64_t part, int) {
    const size_t begin = static_cast<size_t>(part) * kPartBytes;
    std::memcpy(static_cast<std::byte*>(dst) + begin, static_cast<const std::byte*>(src) + begin,
                std::min(kPartBytes, bytes - begin));
  });
}

void Staging::copy(void* dst, const void* src, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  const bool from = is_pageable(src), to = is_pageable(dst);
  if (from && to)
    std::memcpy(dst, src, bytes);
  else if (from)
    from_pageable(dst, src, bytes, stream);
  else if (to)
    to_pageable(dst, src, bytes, stream);
  else
    check_cuda(cudaMemcpyAsync(dst, src, bytes, cudaMemcpyDefault, stream),
               "copying inputs and outputs");
}

void Staging::from_pageable(void* dst, const void* src, size_t bytes, cudaStream_t stream) {
  reserve(num_pieces(bytes));
  const size_t piece = piece_bytes(bytes);
  for (size_t begin = 0; begin < bytes; begin += piece) {
    const size_t size = std::min(piece, bytes - begin);
    const Slot& slot = slots_[next_];
    next_ = (next_ + 1) % slots_.size();
    check_cuda(cudaEventSynchronize(slot.done), "copying inputs");
    copy_on_host(slot.data, static_cast<const std::byte*>(src) + begin, size);
    check_cuda(cudaMemcpyAsync(static_cast<std::byte*>(dst) + begin, slot.data, size,
                               cudaMemcpyDefault, stream),
               "copying inputs");
    check_cuda(cudaEventRecord(slot.done, stream), "copying inputs");
  }
}

void Staging::to_pageable(void* dst, const void* src, size_t bytes, cudaStream_t stream) {
  reserve(num_pieces(bytes));
  const size_t piece = piece_bytes(bytes), pieces = num_pieces(bytes), first = next_;
  const auto slot_of = [&](size_t index) { return slots_[(first + index) % slots_.size()]; };
  const auto size_of = [&](size_t index) { return std::min(piece, bytes - index * piece); };
  size_t enqueued = 0;
  for (size_t index = 0; index < pieces; ++index) {
    for (; enqueued < std::min(pieces, index + slots_.size()); ++enqueued) {
      const Slot slot = slot_of(enqueued);
      check_cuda(cudaMemcpyAsync(slot.data, static_cast<const std::byte*>(src) + enqueued * piece,
                                 size_of(enqueued), cudaMemcpyDeviceToHost, stream),
                 "copying outputs");
      check_cuda(cudaEventRecord(slot.done, stream), "copying outputs");
    }
    check_cuda(cudaEventSynchronize(slot_of(index).done), "copying outputs");
    copy_on_host(static_cast<std::byte*>(dst) + index * piece, slot_of(index).data, size_of(index));
  }
  next_ = (first + pieces) % slots_.size();
}

}  // namespace vitro::cuda
