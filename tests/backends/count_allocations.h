#pragma once

#include <cstddef>

namespace vitro {

/// Calls to malloc and its kin so far, in all threads; with AddressSanitizer, since the first call
/// of this function. Defined once per kind of build: count_malloc.cpp or
/// count_malloc_sanitized.cpp.
size_t num_allocations();

}  // namespace vitro
