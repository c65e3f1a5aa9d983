#pragma once

#include <memory>
#include <tuple>

#include "backends/backend.h"
#include "calibration/output_mse.h"

namespace vitro {

/// MultiplyRows on a backend of the host.
class RowProducts {
 public:
  RowProducts(const Backend& backend, int threads);

  void operator()(std::span<const float> a, std::span<const float> b, size_t depth,
                  std::span<float> c);

 private:
  const Backend& backend_;
  PlanCache cache_;
  std::unique_ptr<Lane> lane_;
  int threads_;
  std::tuple<size_t, size_t, size_t> extents_;  ///< that the program is for
  std::unique_ptr<const Executable> program_;
};

}  // namespace vitro
