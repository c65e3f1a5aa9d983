#include "core/aligned_memory.h"

#include <algorithm>
#include <new>

#include "core/check.h"

namespace vitro {
namespace {

constexpr std::align_val_t kAlignment{kMemoryAlignment};

}  // namespace

void FreeAligned::operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }

AlignedMemory allocate_aligned(size_t bytes, std::string_view what) {
  void* memory = ::operator new(std::max<size_t>(bytes, 1), kAlignment, std::nothrow);
  check(memory != nullptr, ErrorCode::OutOfMemory, "no memory for {} of {} bytes", what, bytes);
  return AlignedMemory(static_cast<std::byte*>(memory));
}

}  // namespace vitro
