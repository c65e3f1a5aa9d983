#include "image/batch_reader.h"

#include <algorithm>

namespace vitro {

BatchReader::BatchReader(const Preprocessing& preprocessing, std::span<const LabelledImage> images,
                         ThreadTeam& team, Options options)
    : preprocessing_(preprocessing), images_(images), team_(team), options_(std::move(options)) {}

std::vector<size_t> BatchReader::read(std::span<float> pixels, size_t capacity) {
  const size_t image_floats = pixels.size() / capacity;
  std::vector<size_t> indices;
  while (indices.size() < capacity && next_ < images_.size()) {
    const size_t count = std::min(capacity - indices.size(), images_.size() - next_);
    const std::span<float> free = pixels.subspan(indices.size() * image_floats);
    const std::vector<std::string> errors = decode(free, image_floats, count);
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      if (!errors[i].empty()) {
        ++failed_;
        options_.on_failure(errors[i]);
        continue;
      }
      if (kept != i)
        std::copy_n(free.begin() + static_cast<std::ptrdiff_t>(i * image_floats), image_floats,
                    free.begin() + static_cast<std::ptrdiff_t>(kept * image_floats));
      ++kept;
      indices.push_back(next_ + i);
    }
    next_ += count;
  }
  return indices;
}

/// One message per picture, empty where it went well.
std::vector<std::string> BatchReader::decode(std::span<float> pixels, size_t image_floats,
                                             size_t count) {
  std::vector<std::string> errors(count);
  team_.parallel_for(static_cast<int64_t>(count), [&](int64_t i, int) {
    const auto slot = static_cast<size_t>(i);
    try {
      preprocess(load_image(images_[next_ + slot].path, options_.limits), preprocessing_,
                 pixels.subspan(slot * image_floats, image_floats));
    } catch (const std::exception& error) {
      errors[slot] = error.what();
    }
  });
  return errors;
}

}  // namespace vitro
