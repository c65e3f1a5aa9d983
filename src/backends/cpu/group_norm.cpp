#include <cmath>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kSlice = 64;  // channels of one task of a reduction

/// The mean of each channel, then its mean square about that of its group, then the maps: three
/// loops over an image, whatever the number of groups.
class GroupNormKernel final : public Kernel {
 public:
  explicit GroupNormKernel(const OpContext& op)
      : table_(active_kernels()), attrs_(op.node.as<GroupNormAttrs>()) {
    const Dims& dims = op.input(0).dims;  // [n, ..., c]
    images_ = dims.front();
    channels_ = dims.back();
    pixels_ = num_elements(dims) / images_ / channels_;
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    slices_ = useful == 1 ? 1 : (channels_ + kSlice - 1) / kSlice;
    bands_ = {pixels_, 1, std::min(pixels_, (useful + images_ - 1) / images_)};
  }
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override { return 3 * size() * sizeof(float); }
  void run(const KernelArgs& args) const override {
    ThreadTeam& team = team_of(args);
    auto* centre = reinterpret_cast<float*>(args.scratch);  // each [images, channels]
    float *scale = centre + size(), *shift = scale + size();
    const float* x = args.in<float>(0);
    const Bands slices{channels_, 16, std::min(slices_, (channels_ + 15) / 16)};
    const auto for_each_slice = [&](const auto& body) {
      team.parallel_for(images_ * slices.count, [&](int64_t task, int) {
        const int64_t image = task / slices.count, slice = task % slices.count;
        body(x + image * pixels_ * channels_, image * channels_, slices.begin(slice),
             slices.begin(slice + 1));
      });
    };
    for_each_slice([&](const float* map, int64_t row, int64_t begin, int64_t end) {
      table_.reduce_of(ReduceKind::Mean).tokens(map, pixels_, channels_, begin, end, centre + row);
    });
    average_groups(centre);
    for_each_slice([&](const float* map, int64_t row, int64_t begin, int64_t end) {
      table_.square_tokens(map, centre + row, pixels_, channels_, begin, end, scale + row);
    });
    average_groups(scale);
    finish(args, scale, shift);
    team.parallel_for(images_ * bands_.count, [&](int64_t task, int) {
      const int64_t image = task / bands_.count, band = task % bands_.count;
      const int64_t map = image * pixels_ * channels_, row = image * channels_;
      table_.channel_norm(
          {x + map, args.out<float>() + map, channels_, centre + row, scale + row, shift + row},
          bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  size_t size() const { return aligned_floats(images_ * channels_); }

  /// Each channel gets the mean of its group.
  void average_groups(float* values) const {
    const int64_t width = channels_ / attrs_.groups;
    for (int64_t group = 0; group < images_ * attrs_.groups; ++group) {
      double sum = 0;
      for (int64_t c = 0; c < width; ++c) sum += static_cast<double>(values[group * width + c]);
      std::fill_n(values + group * width, width,
                  static_cast<float>(sum / static_cast<double>(width)));
    }
  }

  /// Variances to factors, and what is added behind them.
  void finish(const KernelArgs& args, float* scale, float* shift) const {
    const float *weight = args.in<float>(1), *bias = args.in<float>(2);
    for (int64_t i = 0; i < images_ * channels_; ++i) {
      const int64_t channel = i % channels_;
      scale[i] = (weight ? weight[channel] : 1.0f) / std::sqrt(scale[i] + attrs_.eps);
      shift[i] = bias ? bias[channel] : 0.0f;
    }
  }

  const KernelTable& table_;
  GroupNormAttrs attrs_;
  int64_t images_, channels_, pixels_;
  int64_t slices_;
  Bands bands_;  ///< pixels of an image
};

}  // namespace

const Impl kGroupNormMaps{"cpu:group_norm_maps", needs_float32, make_kernel<GroupNormKernel>};

}  // namespace vitro::cpu
