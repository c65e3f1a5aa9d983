#pragma once

#include <cstddef>

namespace vitro::cpu {

/// What this machine can do at best with a number of threads, measured.
struct Peaks {
  int threads = 1;
  double flops_per_s = 0;          ///< multiply-adds in vector registers, counted as two
  double product_flops_per_s = 0;  ///< the same of matrix products, which may have faster units
  double bytes_per_s = 0;          ///< c[i] = a[i] + b[i]: two streams read and one written
  size_t buffer_bytes = 0;  ///< of a, b and c together; a cache larger than that is part of it
};

/// Runs both loops on all threads at once, with the instruction set in force; the best of several
/// tries within about half a second. The buffers take at most `max_buffer_bytes`, 256 MB when that
/// is more.
Peaks measure_peaks(int threads, size_t max_buffer_bytes);

}  // namespace vitro::cpu
