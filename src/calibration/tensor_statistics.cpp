#include "calibration/tensor_statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace vitro {
namespace {

/// A batch is cut into so many pieces, whose sums are added in order.
constexpr size_t kPieces = 8;
/// Rows whose sums are float32.
constexpr size_t kBlockRows = 16;
/// Values that are read twice, for the sums and for the histogram, while they are in the cache.
constexpr size_t kBlockValues = 8192;

/// The largest magnitude as bits, which order like it; not below those of infinity where a value is
/// not finite.
uint32_t largest_bits(std::span<const float> values) {
  uint32_t largest = 0;
  for (float value : values) largest = std::max(largest, std::bit_cast<uint32_t>(value) << 1 >> 1);
  return largest;
}

constexpr uint32_t kInfinityBits = 0x7f800000u;

/// Sums over the rows of a piece, by channel.
struct Sums {
  std::vector<float> min, max, block_sum, block_squares;
  std::vector<double> sum, squares;
  std::vector<int64_t> missing;

  explicit Sums(size_t channels) {
    min.assign(channels, std::numeric_limits<float>::infinity());
    max.assign(channels, -std::numeric_limits<float>::infinity());
    for (auto* floats : {&block_sum, &block_squares}) floats->resize(channels);
    for (auto* doubles : {&sum, &squares}) doubles->resize(channels);
    missing.resize(channels);
  }

  void add(std::span<const float> values, bool finite) {
    const size_t channels = min.size(), rows = values.size() / channels;
    for (size_t row = 0; row < rows; ++row) {
      const float* x = values.data() + row * channels;
      if (finite)
        add_row(x);
      else
        add_finite_of(x);
      if (row % kBlockRows == kBlockRows - 1) end_block();
    }
    end_block();
  }

 private:
  void add_row(const float* x) {
    float *low = min.data(), *high = max.data(), *s = block_sum.data(), *q = block_squares.data();
    const size_t channels = min.size();
    for (size_t c = 0; c < channels; ++c) {
      low[c] = x[c] < low[c] ? x[c] : low[c];
      high[c] = x[c] > high[c] ? x[c] : high[c];
      s[c] += x[c];
      q[c] += x[c] * x[c];
    }
  }

  void add_finite_of(const float* x) {
    for (size_t c = 0; c < min.size(); ++c) {
      if (!std::isfinite(x[c])) {
        ++missing[c];
        continue;
      }
      min[c] = std::min(min[c], x[c]);
      max[c] = std::max(max[c], x[c]);
      block_sum[c] += x[c];
      block_squares[c] += x[c] * x[c];
    }
  }

  void end_block() {
    for (size_t c = 0; c < min.size(); ++c) {
      sum[c] += static_cast<double>(block_sum[c]);
      squares[c] += static_cast<double>(block_squares[c]);
      block_sum[c] = block_squares[c] = 0;
    }
  }
};

std::vector<float> finite_of(std::span<const float> values) {
  std::vector<float> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
               [](float value) { return std::isfinite(value); });
  return finite;
}

}  // namespace

TensorStatistics::TensorStatistics(int64_t channels) {
  check(channels >= 1, ErrorCode::Internal, "statistics of {} channels", channels);
  const auto count = static_cast<size_t>(channels);
  min_.assign(count, std::numeric_limits<float>::infinity());
  max_.assign(count, -std::numeric_limits<float>::infinity());
  sum_.resize(count);
  squares_.resize(count);
  missing_.resize(count);
}

void TensorStatistics::add(std::span<const float> values, ThreadTeam& team) {
  const size_t channels = num_channels(), rows = values.size() / channels;
  check(rows * channels == values.size(), ErrorCode::Internal, "{} values in rows of {}",
        values.size(), channels);
  const size_t block_rows = std::max<size_t>(1, kBlockValues / channels);
  const size_t blocks = (rows + block_rows - 1) / block_rows;
  const auto block = [&](size_t b) {
    const size_t begin = b * block_rows, end = std::min(rows, begin + block_rows);
    return values.subspan(begin * channels, (end - begin) * channels);
  };
  // Blocks that the histogram has no room for yet wait; so does what is not finite.
  std::vector<uint8_t> waiting(blocks);
  std::vector<Sums> pieces(kPieces, Sums(channels));
  std::vector<Histogram::Counts> counts(static_cast<size_t>(team.size()),
                                        Histogram::Counts(histogram_));
  const auto reach = std::bit_cast<uint32_t>(static_cast<float>(histogram_.reach()));
  team.parallel_for(kPieces, [&](int64_t piece, int thread) {
    const auto p = static_cast<size_t>(piece);
    for (size_t b = blocks * p / kPieces; b < blocks * (p + 1) / kPieces; ++b) {
      const uint32_t bits = largest_bits(block(b));
      pieces[p].add(block(b), bits < kInfinityBits);
      waiting[b] = bits > reach || reach == 0;
      if (waiting[b] == 0) counts[static_cast<size_t>(thread)].add(block(b));
    }
  });
  if (reach > 0)
    for (const Histogram::Counts& part : counts) histogram_.merge(part);
  float largest = 0;
  for (const Sums& piece : pieces)
    for (size_t c = 0; c < channels; ++c) {
      min_[c] = std::min(min_[c], piece.min[c]);
      max_[c] = std::max(max_[c], piece.max[c]);
      sum_[c] += piece.sum[c];
      squares_[c] += piece.squares[c];
      missing_[c] += piece.missing[c];
      not_finite_ += piece.missing[c];
      if (piece.min[c] <= piece.max[c]) largest = std::max({largest, -piece.min[c], piece.max[c]});
    }
  rows_ += static_cast<int64_t>(rows);
  histogram_.extend(static_cast<double>(largest));
  for (size_t b = 0; b < blocks; ++b)
    if (waiting[b] != 0) histogram_.add(finite_of(block(b)));
}

std::vector<TensorStatistics::Channel> TensorStatistics::channels() const {
  std::vector<Channel> channels(num_channels(), Channel{});
  for (size_t c = 0; c < channels.size(); ++c) {
    const auto count = static_cast<double>(rows_ - missing_[c]);
    if (count == 0) continue;
    channels[c] = {min_[c], max_[c], sum_[c] / count, squares_[c] / count};
    // Where the sums of a block were too large for a float32.
    const double low = static_cast<double>(min_[c]), high = static_cast<double>(max_[c]);
    if (!std::isfinite(channels[c].mean)) channels[c].mean = (low + high) / 2;
    if (!std::isfinite(channels[c].mean_square))
      channels[c].mean_square = std::max(low * low, high * high);
  }
  return channels;
}

float TensorStatistics::min() const {
  const float least = *std::min_element(min_.begin(), min_.end());
  return std::isfinite(least) ? least : 0.0f;
}

float TensorStatistics::max() const {
  const float most = *std::max_element(max_.begin(), max_.end());
  return std::isfinite(most) ? most : 0.0f;
}

}  // namespace vitro
