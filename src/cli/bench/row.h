#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/shapes.h"
#include "measure/measure.h"
#include "measure/statistics.h"
#include "measure/throughput.h"
#include "runtime/device_timing.h"
#include "runtime/fallback.h"

namespace vitro::cli {

/// One combination of a sweep, as it was asked for.
struct BenchCase {
  std::string model;
  std::string backend;
  std::string precision;  ///< the backend's own when empty
  std::string weights;    ///< "fp32" or "bf16"; those of the model when empty
  int threads = 1;        ///< in all
  int64_t batch = 1;
  std::optional<Size> size;  ///< the model's when empty
  int device = 0;
  std::string fallback = {};  ///< of ops that the backend refuses; may be empty
  ShapesByName shapes = {};   ///< in place of batch and size; may be empty

  RunShape at(int64_t images) const { return {images, size, shapes}; }
};

/// One combination against another, of `bench --compare`.
struct BenchRatio {
  double ratio = 0;   ///< median per image of the first row over that of this one
  Interval interval;  ///< 95 %
  std::string noisy;  ///< why the ratio must not be shown; empty when it may be
};

/// The result of a case. After an error, what could not be measured is empty.
struct BenchRow {
  BenchCase asked;
  std::string backend;                  ///< the one that "auto" stood for
  std::string isa;                      ///< the instruction set of the backend
  std::optional<FallbackUse> fallback;  ///< what does not run as it was asked for
  std::string precision;                ///< of the arithmetic
  std::string weights;                  ///< how the plan stores its matrices
  Dims shape;                           ///< of the first input, of the whole batch
  StreamSetup setup;
  Summary ms;  ///< of one run
  double images_per_s = 0;
  std::vector<RunSpan> runs;
  int64_t iterations = 0;
  std::optional<double> busy_elsewhere;
  std::optional<DeviceTiming> device;
  std::optional<BenchRatio> ratio;
  std::string error;
};

}  // namespace vitro::cli
