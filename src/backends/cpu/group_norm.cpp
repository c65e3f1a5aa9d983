#include <cmath>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/reduce_step.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

/// The moments of each channel of each part of an image, read once; those of the groups; then the
/// maps.
class GroupNormKernel final : public Kernel {
 public:
  explicit GroupNormKernel(const OpContext& op)
      : table_(active_kernels()), attrs_(op.node.as<GroupNormAttrs>()) {
    const Dims& dims = op.input(0).dims;  // [n, ..., c]
    images_ = dims.front();
    channels_ = dims.back();
    pixels_ = num_elements(dims) / images_ / channels_;
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    const int64_t of_image = (useful + images_ - 1) / images_;
    parts_ = token_parts(pixels_, channels_);
    slices_ = {channels_, 16, parts_.count > 1 ? 1 : std::min(of_image, (channels_ + 15) / 16)};
    bands_ = {pixels_, 1, std::min(pixels_, of_image)};
  }
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override {
    return (2 * parts_size() + 3 * image_size()) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    ThreadTeam& team = team_of(args);
    auto* means = reinterpret_cast<float*>(args.scratch);  // [images, parts, channels]
    float* squares = means + parts_size();                 // the same
    float* centre = squares + parts_size();                // [images, channels], as the next two
    float *scale = centre + image_size(), *shift = scale + image_size();
    const float* x = args.in<float>(0);
    const int64_t map = pixels_ * channels_, tasks = parts_.count * slices_.count;
    team.parallel_for(images_ * tasks, [&](int64_t task, int) {
      const int64_t image = task / tasks, part = task % tasks / slices_.count;
      const int64_t slice = task % slices_.count;
      const int64_t row = (image * parts_.count + part) * channels_;
      table_.moments(x + image * map + parts_.begin(part) * channels_, parts_.size(part), channels_,
                     slices_.begin(slice), slices_.begin(slice + 1), means + row, squares + row);
    });
    for (int64_t image = 0; image < images_; ++image) {
      const int64_t row = image * channels_;
      join_groups(args, {means + row * parts_.count, squares + row * parts_.count}, centre + row,
                  scale + row, shift + row);
    }
    team.parallel_for(images_ * bands_.count, [&](int64_t task, int) {
      const int64_t image = task / bands_.count, band = task % bands_.count;
      const int64_t row = image * channels_;
      table_.channel_norm({x + image * map, args.out<float>() + image * map, channels_,
                           centre + row, scale + row, shift + row},
                          bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  size_t image_size() const { return aligned_floats(images_ * channels_); }
  size_t parts_size() const { return aligned_floats(images_ * parts_.count * channels_); }

  /// Of the parts of an image, [parts, channels] each.
  struct Moments {
    const float *means, *squares;
  };

  /// What each channel of an image becomes by the moments of its group.
  void join_groups(const KernelArgs& args, const Moments& parts, float* centre, float* scale,
                   float* shift) const {
    const float *weight = args.in<float>(1), *bias = args.in<float>(2);
    const int64_t width = channels_ / attrs_.groups;
    for (int64_t begin = 0; begin < channels_; begin += width) {
      const auto [mean, variance] = moments_of(parts, begin, width);
      const auto deviation = static_cast<float>(std::sqrt(variance + double{attrs_.eps}));
      for (int64_t i = begin; i < begin + width; ++i) {
        centre[i] = static_cast<float>(mean);
        scale[i] = (weight ? weight[i] : 1.0f) / deviation;
        shift[i] = bias ? bias[i] : 0.0f;
      }
    }
  }

  /// The mean and the variance of channels [begin, begin + width): in double precision and about
  /// the mean of one of them, so that the difference of two sums loses nothing.
  std::pair<double, double> moments_of(const Moments& parts, int64_t begin, int64_t width) const {
    constexpr int64_t kChains = 4;  // additions in flight
    const double about{parts.means[begin]};
    double sums[kChains] = {}, squares[kChains] = {};
    for (int64_t part = 0; part < parts_.count; ++part) {
      const float* means = parts.means + part * channels_ + begin;
      const float* deviations = parts.squares + part * channels_ + begin;
      const auto tokens = static_cast<double>(parts_.size(part));
      const auto add = [&](int64_t i, int64_t chain) {
        const double d = double{means[i]} - about;
        sums[chain] += tokens * d;
        squares[chain] += double{deviations[i]} + tokens * d * d;
      };
      int64_t i = 0;
      for (; i + kChains <= width; i += kChains)
        for (int64_t chain = 0; chain < kChains; ++chain) add(i + chain, chain);
      for (; i < width; ++i) add(i, 0);
    }
    const auto count = static_cast<double>(pixels_ * width);
    const double mean = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / count;
    const double square = ((squares[0] + squares[1]) + (squares[2] + squares[3])) / count;
    return {about + mean, std::max(0.0, square - mean * mean)};
  }

  const KernelTable& table_;
  GroupNormAttrs attrs_;
  int64_t images_, channels_, pixels_;
  Bands parts_;   ///< of the pixels of an image
  Bands slices_;  ///< of the channels, where there is one part
  Bands bands_;   ///< of the pixels, of what is written
};

}  // namespace

const Impl kGroupNormMaps{"cpu:group_norm_maps", needs_float32, make_kernel<GroupNormKernel>};

}  // namespace vitro::cpu
