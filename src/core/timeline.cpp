#include "core/timeline.h"

#include "core/check.h"

namespace vitro {

Timeline::Timeline(int threads, size_t capacity)
    : capacity_(capacity), lanes_(static_cast<size_t>(std::max(threads, 0))) {
  check(threads >= 1, ErrorCode::InvalidArgument, "timeline of {} threads, expected at least 1",
        threads);
  for (Lane& lane : lanes_) lane.marks = std::make_unique<Mark[]>(capacity);
}

void Timeline::clear() {
  for (Lane& lane : lanes_) lane.size = lane.lost = 0;
}

std::span<const Timeline::Mark> Timeline::marks(int thread) const {
  const Lane& lane = lanes_.at(static_cast<size_t>(thread));
  return {lane.marks.get(), lane.size};
}

size_t Timeline::lost() const {
  size_t lost = 0;
  for (const Lane& lane : lanes_) lost += lane.lost;
  return lost;
}

}  // namespace vitro
