#include "backends/cuda/kernels/strided.h"

#include <stdexcept>
#include <string>

namespace vitro::cuda {

Dims::Dims(std::initializer_list<int64_t> values) {
  for (const int64_t value : values) push_back(value);
}

void Dims::push_back(int64_t value) {
  if (rank == kMaxRank) throw std::invalid_argument("cuda kernels take at most 8 dimensions");
  v[rank++] = value;
}

int64_t element_count(const Dims& dims) {
  int64_t count = 1;
  for (int i = 0; i < dims.rank; ++i) count *= dims.v[i];
  return count;
}

Dims dense_strides(const Dims& dims) {
  Dims strides = dims;
  int64_t stride = 1;
  for (int i = dims.rank - 1; i >= 0; --i) {
    strides.v[i] = stride;
    stride *= dims.v[i];
  }
  return strides;
}

StridedWalk collapse(const char* op, const Dims& dims, const Dims& strides_a, const Dims& strides_b,
                     const Dims& strides_c) {
  const Dims* strides[StridedWalk::kOperands] = {&strides_a, &strides_b,
                                                 strides_c.rank == 0 ? &strides_b : &strides_c};
  for (const Dims* one : strides)
    if (one->rank != dims.rank)
      throw std::invalid_argument(std::string(op) + ": " + std::to_string(dims.rank) +
                                  " extents with " + std::to_string(one->rank) + " strides");
  if (element_count(dims) > INT32_MAX)
    throw std::invalid_argument(std::string(op) + ": " + std::to_string(element_count(dims)) +
                                " elements, more than the 2147483647 of one launch");
  StridedWalk walk;
  for (int i = 0; i < dims.rank; ++i) {
    if (dims.v[i] == 1) continue;
    bool merges = walk.rank > 0;
    for (int j = 0; j < StridedWalk::kOperands && merges; ++j)
      merges = walk.strides[j][walk.rank - 1] == strides[j]->v[i] * dims.v[i];
    if (!merges) walk.dims[walk.rank++] = 1;
    walk.dims[walk.rank - 1] *= dims.v[i];
    for (int j = 0; j < StridedWalk::kOperands; ++j)
      walk.strides[j][walk.rank - 1] = strides[j]->v[i];
  }
  if (walk.rank == 0) {
    walk.rank = 1;
    walk.dims[0] = 1;
  }
  return walk;
}

}  // namespace vitro::cuda
