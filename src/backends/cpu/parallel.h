#pragma once

#include <omp.h>

#include <cstdint>

namespace vitro::cpu {

/// Calls body(index, thread) for every index in [0, count), each thread taking one contiguous range, so
/// that what a thread wrote in one call is likely in its cache in the next. Uses exactly `threads`
/// threads of the process's one OpenMP pool.
template <typename Body>
void parallel_for(int threads, int64_t count, const Body& body) {
  if (threads == 1 || count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < count; ++i) body(i, omp_get_thread_num());
}

}  // namespace vitro::cpu
