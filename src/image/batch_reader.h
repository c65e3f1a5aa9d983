#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/thread_team.h"
#include "image/folder.h"
#include "vitro/image.h"

namespace vitro {

/// Fills batches with the pictures that can be decoded, so that only the last batch is smaller.
class BatchReader {
 public:
  struct Options {
    DecodeLimits limits = {};                                    ///< of one picture
    std::function<void(const std::string& message)> on_failure;  ///< one could not be read
  };

  /// Works on the team. Pictures and team must outlive it.
  BatchReader(const Preprocessing& preprocessing, std::span<const LabelledImage> images,
              ThreadTeam& team, Options options);

  int64_t failed() const { return failed_; }
  size_t next() const { return next_; }  ///< pictures that are done, failed ones among them

  /// Goes on where another reader was: `next` of the pictures are done, `failed` of them failed.
  void skip_to(size_t next, int64_t failed) {
    next_ = next;
    failed_ = failed;
  }

  /// Preprocesses up to `capacity` pictures into `pixels`, [capacity, 3, height, width], and
  /// returns their indices; none when all are done.
  std::vector<size_t> read(std::span<float> pixels, size_t capacity);

 private:
  std::vector<std::string> decode(std::span<float> pixels, size_t image_floats, size_t count);

  Preprocessing preprocessing_;
  std::span<const LabelledImage> images_;
  ThreadTeam& team_;
  Options options_;
  size_t next_ = 0;
  int64_t failed_ = 0;
};

}  // namespace vitro
