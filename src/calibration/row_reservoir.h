#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <span>
#include <vector>

namespace vitro {

/// A fair sample of the rows that pass by, each as likely as any other; the same for one seed,
/// however the rows are cut into batches.
class RowReservoir {
 public:
  static constexpr size_t kCapacity = 256;

  /// Keeps at most `capacity` rows of `width` floats.
  RowReservoir(size_t width, uint32_t seed, size_t capacity = kCapacity);

  /// Offers the next `rows` rows; `copy` writes one of them, `width` floats, where it is kept. One
  /// that is not finite is kept as zeros.
  void add(int64_t rows, const std::function<void(int64_t row, std::span<float> to)>& copy);

  size_t width() const { return width_; }
  /// [rows, width]: all of them, or as many as it keeps.
  std::span<const float> rows() const { return rows_; }
  size_t num_rows() const { return rows_.size() / width_; }

  /// See state.h.
  template <typename State>
  void state(State& state) {
    state(random_, rows_, threshold_, seen_, next_);
    state.expect(rows_.size() % width_ == 0 && num_rows() <= capacity_ && seen_ >= 0 &&
                     next_ >= seen_ && next_ <= State::kMostCount && threshold_ > 0 &&
                     threshold_ <= 1,
                 "a sample that cannot be");
  }

 private:
  double uniform();
  void skip();
  void keep(size_t slot, int64_t row,
            const std::function<void(int64_t row, std::span<float> to)>& copy);

  size_t width_, capacity_;
  std::mt19937 random_;
  std::vector<float> rows_;
  double threshold_ = 1;
  int64_t seen_ = 0, next_ = 0;  ///< row that is kept next, counted from the first one
};

}  // namespace vitro
