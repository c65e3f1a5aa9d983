#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "backends/count_allocations.h"

namespace {

std::atomic<size_t> count{0};

}  // namespace

namespace vitro {

size_t num_allocations() { return count; }

}  // namespace vitro

// glibc's own entry points, behind the public names replaced below. The compiler exports those it
// knows; shared libraries find the others only when they are marked.
extern "C" {

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  ++count;
  return __libc_malloc(size);
}

void* calloc(size_t number, size_t size) {
  ++count;
  return __libc_calloc(number, size);
}

void* realloc(void* memory, size_t size) {
  ++count;
  return __libc_realloc(memory, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  ++count;
  return __libc_memalign(alignment, size);
}

[[gnu::visibility("default")]] void* memalign(size_t alignment, size_t size) {
  ++count;
  return __libc_memalign(alignment, size);
}

[[gnu::visibility("default")]] int posix_memalign(void** memory, size_t alignment, size_t size) {
  ++count;
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
}
