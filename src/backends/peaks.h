#pragma once

#include <cstddef>
#include <cstdint>

#include "vitro/precision.h"

namespace vitro {

/// What a session uses that peaks are measured for.
struct PeakRequest {
  int threads = 1;
  size_t max_buffer_bytes = SIZE_MAX;
  Precision precision = Precision::Default;  ///< of products
  int device = 0;                            ///< of the backend
};

/// The most a machine can do with a number of threads, measured.
struct Peaks {
  int threads = 1;
  double flops_per_s = 0;            ///< multiply-adds in vector registers, counted as two
  double product_flops_per_s = 0;    ///< the same of matrix products, which may have faster units
  double quantized_flops_per_s = 0;  ///< and of products in 8 bits; 0: not measured
  double bytes_per_s = 0;            ///< c[i] = a[i] + b[i]: two streams read and one written
  size_t buffer_bytes = 0;           ///< of a, b and c together; larger caches hold all of it
};

/// The loops that are timed; each runs on one thread.
struct PeakLoops {
  /// Multiply-adds in registers only, so many per iteration; the result is of no interest.
  struct Flops {
    float (*run)(int64_t iterations);
    double multiply_adds;
  };
  Flops flops;
  Flops product_flops;    ///< of the units that multiply matrices; they may be the same
  Flops quantized_flops;  ///< of those that multiply matrices in 8 bits
  void (*add)(const float* a, const float* b, int64_t count, float* c);
};

/// Runs each loop on all threads at once; the best of several tries within about half a second.
/// The buffers take 256 MB when that is below the most that was asked for.
Peaks measure_peaks(const PeakLoops& loops, const PeakRequest& request);

}  // namespace vitro
