#include "backends/cpu/nest.h"

#include <algorithm>

namespace vitro::cpu {

Nest::Nest(const Dims& all, const Dims& a_strides, const Dims& b_strides) {
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] == 1) continue;
    const bool joins =
        !extents.empty() && a.back() == a_strides[i] * all[i] && b.back() == b_strides[i] * all[i];
    if (joins) {
      extents.back() *= all[i];
      a.back() = a_strides[i];
      b.back() = b_strides[i];
    } else {
      extents.push_back(all[i]);
      a.push_back(a_strides[i]);
      b.push_back(b_strides[i]);
    }
  }
  if (!extents.empty()) return;
  extents = {1};
  a = b = {1};
}

int64_t Nest::outer(size_t inner) const {
  return num_elements(Dims(extents.begin(), extents.end() - static_cast<std::ptrdiff_t>(inner)));
}

Nest::Offsets Nest::at(int64_t index, size_t inner) const {
  Offsets offsets;
  for (size_t axis = extents.size() - inner; axis-- > 0; index /= extents[axis]) {
    const int64_t position = index % extents[axis];
    offsets.a += position * a[axis];
    offsets.b += position * b[axis];
  }
  return offsets;
}

void Nest::move_before_last(size_t axis) {
  for (Dims* dims : {&extents, &a, &b}) {
    const auto at = dims->begin() + static_cast<std::ptrdiff_t>(axis);
    std::rotate(at, at + 1, dims->end() - 1);
  }
}

}  // namespace vitro::cpu
