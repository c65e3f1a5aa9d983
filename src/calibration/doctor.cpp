#include "calibration/doctor.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/check.h"

namespace vitro {
namespace {

constexpr int64_t kFewImages = 100;
/// Times as many pictures in one class as in another.
constexpr size_t kImbalance = 3;
constexpr double kClippedBound = 0.01;

/// "'a', 'b' and 3 others"
std::string list_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += fmt::format("{}'{}'", i == 0 ? "" : ", ", names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} others", names.size() - kShown);
  return text;
}

/// Natural pictures, normalised with the mean and deviation of such pictures, are near 0 and 1.
bool looks_normalised(double mean, double deviation) {
  return std::fabs(mean) < 1.2 && deviation > 0.25 && deviation < 2.5;
}

}  // namespace

void PixelStatistics::add(std::span<const float> pixels, const std::string& name) {
  ++images_;
  const size_t plane = pixels.size() / 3;
  bool constant = true, finite = true;
  for (size_t c = 0; c < 3; ++c) {
    double sum = 0, squares = 0;
    const std::span<const float> values = pixels.subspan(c * plane, plane);
    for (float value : values) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
      constant = constant && value == values[0];
    }
    if (!std::isfinite(squares)) finite = false;
    if (!finite) continue;
    sum_[c] += sum;
    squares_[c] += squares;
  }
  if (!finite) ++not_finite_;
  if (finite) pixels_ += static_cast<int64_t>(plane);
  if (constant && constant_++ == 0) first_constant_ = name;
}

std::vector<std::string> PixelStatistics::notes() const {
  std::vector<std::string> notes;
  if (constant_ > 0)
    notes.push_back(
        fmt::format("{} of {} pictures are of one colour, such as '{}': they say "
                    "nothing of what the model will see",
                    constant_, images_, first_constant_));
  if (not_finite_ > 0)
    notes.push_back(
        fmt::format("{} of {} pictures have pixels that are not finite after "
                    "normalisation: is std right?",
                    not_finite_, images_));
  for (size_t c = 0; c < 3 && pixels_ > 0; ++c) {
    const double mean = sum_[c] / static_cast<double>(pixels_);
    const double variance = squares_[c] / static_cast<double>(pixels_) - mean * mean;
    const double deviation = std::sqrt(std::max(variance, 0.0));
    if (looks_normalised(mean, deviation)) continue;
    notes.push_back(
        fmt::format("the {} of the pictures has mean {:.2f} and deviation {:.2f} as the model "
                    "reads it, expected about 0 and 1: are --mean and --std those of the model?",
                    c == 0   ? "red"
                    : c == 1 ? "green"
                             : "blue",
                    mean, deviation));
    break;  // the other colours say the same
  }
  return notes;
}

std::vector<std::string> notes_of_classes(const CalibrationImages& images, int64_t model_classes) {
  std::vector<std::string> notes;
  const auto count = static_cast<int64_t>(images.images.size());
  if (count < kFewImages)
    notes.push_back(
        fmt::format("{} pictures are few, expected at least {}: ranges that are rare "
                    "were not seen",
                    count, kFewImages));
  if (images.classes.empty()) return notes;
  std::vector<size_t> sizes(images.classes.size());
  for (const LabelledImage& image : images.images) ++sizes[static_cast<size_t>(image.label)];
  const auto used = static_cast<int64_t>(
      std::count_if(sizes.begin(), sizes.end(), [](size_t size) { return size > 0; }));
  const auto most = std::max_element(sizes.begin(), sizes.end());
  std::vector<std::string> rare;
  for (size_t c = 0; c < sizes.size(); ++c)
    if (*most >= kImbalance && sizes[c] * kImbalance < *most) rare.push_back(images.classes[c]);
  if (!rare.empty())
    notes.push_back(fmt::format(
        "classes are not balanced: '{}' has {} pictures, {} fewer than a third of that; "
        "--sample N --per-class K draws a balanced list",
        images.classes[static_cast<size_t>(most - sizes.begin())], *most, list_of(rare)));
  if (used < model_classes && count >= model_classes)
    notes.push_back(
        fmt::format("the pictures are of {} classes, the model has {}: are they the "
                    "first ones of a sorted list?",
                    used, model_classes));
  return notes;
}

std::vector<std::string> notes_of_copies(const CalibrationImages& images,
                                         std::span<const std::string> hashes) {
  std::set<std::string_view> seen;
  std::vector<std::string> copies;
  for (size_t i = 0; i < hashes.size(); ++i)
    if (!hashes[i].empty() && !seen.insert(hashes[i]).second)
      copies.push_back(images.images[i].path.string());
  if (copies.empty()) return {};
  return {
      fmt::format("{} pictures have the bytes of another one: {}", copies.size(), list_of(copies))};
}

std::vector<std::string> notes_of_overlap(const CalibrationImages& images,
                                          std::span<const std::string> hashes,
                                          const CalibrationImages& evaluation,
                                          std::span<const std::string> evaluation_hashes) {
  const std::set<std::string_view> known(evaluation_hashes.begin(), evaluation_hashes.end());
  std::vector<std::string> both;
  for (size_t i = 0; i < hashes.size(); ++i)
    if (!hashes[i].empty() && known.contains(hashes[i]))
      both.push_back(images.images[i].path.string());
  if (both.empty()) return {};
  return {
      fmt::format("{} of {} pictures are also among the {} of the evaluation, whose accuracy "
                  "would be too good: {}",
                  both.size(), images.images.size(), evaluation.images.size(), list_of(both))};
}

std::vector<std::string> notes_of_inputs(std::span<const CalibratedInput> inputs) {
  std::vector<std::string> notes, broken, constant;
  for (const CalibratedInput& input : inputs) {
    if (input.not_finite > 0)
      broken.push_back(input.product);
    else if (input.min == input.max)
      constant.push_back(input.product);
  }
  if (!broken.empty())
    notes.push_back(
        fmt::format("the inputs of {} products have values that are not finite, which "
                    "were left out: {}",
                    broken.size(), list_of(broken)));
  if (!constant.empty())
    notes.push_back(fmt::format("the inputs of {} products are always the same value: {}",
                                constant.size(), list_of(constant)));
  for (CalibrationMethod method : kCalibrationMethods) {
    std::vector<std::string> clipped;
    double worst = 0;
    for (const CalibratedInput& input : inputs) {
      const ChosenRange* range = input.find(method);
      if (range == nullptr || range->clipped <= kClippedBound) continue;
      clipped.push_back(input.product);
      worst = std::max(worst, range->clipped);
    }
    if (!clipped.empty())
      notes.push_back(fmt::format(
          "method {} clips more than {:.0f} % of the values in {} inputs, "
          "{:.1f} % at most: {}",
          to_string(method), 100 * kClippedBound, clipped.size(), 100 * worst, list_of(clipped)));
  }
  return notes;
}

}  // namespace vitro
