#pragma once

#include <array>

#include "calibration/calibration.h"
#include "calibration/images.h"

// What is suspicious about pictures to calibrate with, and about what came of it: sentences for
// people.
namespace vitro {

/// What preprocessed pictures hold.
class PixelStatistics {
 public:
  /// A picture: [3, height, width] as the model reads it; `name` is what notes call it.
  void add(std::span<const float> pixels, const std::string& name);
  std::vector<std::string> notes() const;

  /// See state.h.
  template <typename State>
  void state(State& state) {
    state(images_, constant_, not_finite_, first_constant_, pixels_);
    for (size_t c = 0; c < sum_.size(); ++c) state(sum_[c], squares_[c]);
  }

 private:
  int64_t images_ = 0, constant_ = 0, not_finite_ = 0;
  std::string first_constant_;
  std::array<double, 3> sum_{}, squares_{};
  int64_t pixels_ = 0;  ///< of one plane, over all pictures
};

/// Too few pictures, classes with many more of them than others, classes without any.
/// `model_classes` is how many the model has.
std::vector<std::string> notes_of_classes(const CalibrationImages& images, int64_t model_classes);

/// Pictures that are there twice, by their content hashes.
std::vector<std::string> notes_of_copies(const CalibrationImages& images,
                                         std::span<const std::string> hashes);
/// Pictures that are in the evaluation folder too.
std::vector<std::string> notes_of_overlap(const CalibrationImages& images,
                                          std::span<const std::string> hashes,
                                          const CalibrationImages& evaluation,
                                          std::span<const std::string> evaluation_hashes);

/// Values that are not finite, inputs that are always the same, and methods that clip more than 1 %
/// of the values.
std::vector<std::string> notes_of_inputs(std::span<const CalibratedInput> inputs);

}  // namespace vitro
