#include "backends/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/bands.h"
#include "backends/cpu/kernel_choice.h"

namespace vitro::cpu {
namespace {

constexpr int64_t kTaskElements = 16384;
constexpr int64_t kColumns = 64;  // of a matrix that one task transposes

template <typename T>
void copy_elements(const std::byte* src, int64_t src_step, std::byte* dst, int64_t dst_step,
                   int64_t count) {
  const T* from = reinterpret_cast<const T*>(src);
  T* to = reinterpret_cast<T*>(dst);
  for (int64_t i = 0; i < count; ++i) to[i * dst_step] = from[i * src_step];
}

}  // namespace

StridedCopy::StridedCopy(size_t element_bytes, const Strided& from, const Strided& to, int threads)
    : table_(active_kernels()),
      bytes_(static_cast<int64_t>(element_bytes)),
      count_(num_elements(from.extents)),
      src_offset_(from.offset),
      dst_offset_(to.offset),
      nest_(from.extents, from.strides, to.strides),
      inner_(Inner::Elements),
      tasks_(count_),
      bands_(std::clamp<int64_t>(count_ / kTaskElements, 1, threads)) {
  if (nest_.b.back() != 1) return;
  if (nest_.a.back() == 1) {
    inner_ = Inner::Run;
    return;
  }
  const auto last = nest_.a.end() - 1, axis = std::find(nest_.a.begin(), last, 1);
  if (axis == last || bytes_ != sizeof(float)) return;
  inner_ = Inner::Matrix;
  nest_.move_before_last(static_cast<size_t>(axis - nest_.a.begin()));
  blocks_ = (*(nest_.extents.end() - 2) + kColumns - 1) / kColumns;
  tasks_ = nest_.outer(2) * blocks_;
}

void StridedCopy::run(ThreadTeam& team, const std::byte* src, std::byte* dst) const {
  src += src_offset_ * bytes_;
  dst += dst_offset_ * bytes_;
  const Bands bands{tasks_, inner_ == Inner::Matrix ? 1 : 16, std::min(bands_, tasks_)};
  team.parallel_for(bands.count, [&](int64_t band, int) {
    const int64_t begin = bands.begin(band), end = bands.begin(band + 1);
    if (inner_ != Inner::Matrix) return copy_range(src, dst, begin, end);
    for (int64_t task = begin; task < end; ++task) transpose_block(src, dst, task);
  });
}

void StridedCopy::copy_range(const std::byte* src, std::byte* dst, int64_t begin,
                             int64_t end) const {
  const int64_t run = nest_.extents.back(), a = nest_.a.back(), b = nest_.b.back();
  for (int64_t i = begin; i < end;) {
    const int64_t first = i % run, count = std::min(run - first, end - i);
    const Nest::Offsets row = nest_.at(i / run);
    const std::byte* from = src + (row.a + first * a) * bytes_;
    std::byte* to = dst + (row.b + first * b) * bytes_;
    if (inner_ == Inner::Run)
      std::memcpy(to, from, static_cast<size_t>(count * bytes_));
    else if (bytes_ == 1)
      copy_elements<uint8_t>(from, a, to, b, count);
    else if (bytes_ == 2)
      copy_elements<uint16_t>(from, a, to, b, count);
    else if (bytes_ == 4)
      copy_elements<uint32_t>(from, a, to, b, count);
    else
      copy_elements<uint64_t>(from, a, to, b, count);
    i += count;
  }
}

void StridedCopy::transpose_block(const std::byte* src, std::byte* dst, int64_t task) const {
  const size_t inner = nest_.extents.size() - 1, axis = inner - 1;
  const Nest::Offsets corner = nest_.at(task / blocks_, 2);
  const int64_t column = task % blocks_ * kColumns;
  const int64_t columns = std::min(kColumns, nest_.extents[axis] - column);
  table_.transpose(reinterpret_cast<const float*>(src) + corner.a + column, nest_.extents[inner],
                   columns, nest_.a[inner],
                   reinterpret_cast<float*>(dst) + corner.b + column * nest_.b[axis],
                   nest_.b[axis]);
}

}  // namespace vitro::cpu
