#pragma once

#include <cstddef>

namespace vitro {

/// Heap allocations of this process so far, in all threads. Linking count_malloc.cpp counts every
/// call to malloc and its kin; count_new.cpp, for builds whose sanitizer owns malloc, those to new.
size_t num_allocations();

}  // namespace vitro
