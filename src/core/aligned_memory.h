#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace vitro {

/// Where weights, arenas and everything in them begin: on cache lines, which are whole registers
/// too.
inline constexpr size_t kMemoryAlignment = 64;

struct FreeAligned {
  void operator()(std::byte* memory) const;
};
using AlignedMemory = std::unique_ptr<std::byte, FreeAligned>;

/// Uninitialised memory of that many bytes, 0 included. Throws OutOfMemory; `what` is what errors
/// call it: "an arena".
AlignedMemory allocate_aligned(size_t bytes, std::string_view what);

}  // namespace vitro
