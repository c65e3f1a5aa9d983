#pragma once

#include "calibration/calibrate.h"
#include "calibration/collector.h"
#include "calibration/doctor.h"
#include "calibration/images.h"
#include "calibration/partial_file.h"
#include "image/batch_reader.h"
#include "runtime/plan_data.h"

namespace vitro {

/// The backend that pictures run on.
inline constexpr const char* kCalibrationBackend = "cpu";

/// The one pass over the pictures: what products read, and what is suspicious about the pictures.
/// With CalibrateOptions::partial it goes on from there, and leaves there what it gathered.
class PicturePass {
 public:
  /// All but the images must outlive it.
  PicturePass(const std::shared_ptr<const PlanData>& plan,
              std::span<const CalibratedProduct> products, CalibrationImages images,
              const CalibrateOptions& options, int threads);

  /// False when it was stopped.
  bool run();

  const Collector& collector() const { return collector_; }
  int64_t images() const { return static_cast<int64_t>(taken_.size()); }
  /// See Calibration::image_hash.
  std::string image_hash() const;
  std::vector<std::string> notes();

 private:
  PassIdentity identity() const;
  void resume(BatchReader& reader);
  void restore(const PartialFile& file);
  void keep();
  template <typename State>
  void state(State& state) {
    state(next_, taken_, failures_);
    pixels_.state(state);
    collector_.state(state);
  }

  const std::shared_ptr<const PlanData> plan_;
  std::span<const CalibratedProduct> products_;
  const CalibrateOptions& options_;
  CalibrationImages images_;
  ThreadTeam team_;
  Preprocessing preprocessing_;
  std::vector<std::string> hashes_;

  // What it gathers.
  Collector collector_;
  PixelStatistics pixels_;
  std::vector<uint64_t> taken_;  ///< indices of the pictures that ran
  std::vector<std::string> failures_;
  uint64_t next_ = 0;  ///< pictures that are done
  uint64_t kept_ = 0;  ///< of them those that are in the partial file
};

}  // namespace vitro
