#include <algorithm>

#include "backends/cuda/kernels/codes.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear_codes.h"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 128;

/// The factors and offsets of a thread's channels. Few of them stay in registers for all of its
/// rows, from before these are there.
template <int kLanes, int kVectors, CodeKind kKind>
class ChannelFactors {
  static constexpr bool kStay = kVectors <= 5;

 public:
  __device__ __forceinline__ ChannelFactors(const RowCodesArgs& args) : args_(args) {
    if constexpr (kStay)
#pragma unroll
      for (int i = 0; i < kVectors; ++i) load(i, factor_[i], offset_[i]);
  }
  /// codes(factor, offset) of the channels of vector i.
  template <typename Codes>
  __device__ __forceinline__ void with(int i, const Codes& codes) const {
    if constexpr (kStay) {
      codes(factor_[i], offset_[i]);
    } else {
      float factor[8], offset[8];
      load(i, factor, offset);
      codes(factor, offset);
    }
  }

 private:
  __device__ __forceinline__ void load(int i, float (&factor)[8], float (&offset)[8]) const {
    const int column = (i * kLanes + static_cast<int>(threadIdx.x) % kLanes) * 8;
    if (column >= args_.c) return;
    Eight<float>::load(args_.codes.factor + column).unpack(factor);
    if (kKind == CodeKind::Integer) Eight<float>::load(args_.codes.offset + column).unpack(offset);
  }

  const RowCodesArgs& args_;
  float factor_[kStay ? kVectors : 1][8], offset_[kStay ? kVectors : 1][8];
};

/// kLanes lanes hold a row in registers, 8 consecutive elements of it at a time, kVectors times.
/// Blocks take rows in turn.
template <typename T, int kLanes, int kVectors, CodeKind kKind>
__global__ void __launch_bounds__(kThreads) row_codes_kernel(RowCodesArgs args) {
  constexpr int kRows = kThreads / kLanes;
  const int lane = threadIdx.x % kLanes;
  const ChannelFactors<kLanes, kVectors, kKind> factors(args);
  wait_for_previous();
  allow_next();
  // A block stays together: its lanes add up.
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kRows; first < args.rows;
       first += static_cast<int64_t>(gridDim.x) * kRows) {
    const int64_t row = first + threadIdx.x / kLanes;
    float v[kVectors][8], sum = 0;
    const auto is_inside = [&](int i) {
      return row < args.rows && (i * kLanes + lane) * 8 < args.c;
    };
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      const T* from = static_cast<const T*>(args.x) + row * args.c + (i * kLanes + lane) * 8;
      (is_inside(i) ? Eight<T>::load(from) : Eight<T>::zero()).unpack(v[i]);
#pragma unroll
      for (int e = 0; e < 8; ++e) sum += v[i][e];
    }
    float mean = 0, scale = 1;
    if (args.layer_norm) {
      mean = sum_lanes<kLanes>(sum) / static_cast<float>(args.c);
      float squares = 0;
#pragma unroll
      for (int i = 0; i < kVectors; ++i)
#pragma unroll
        for (int e = 0; e < 8; ++e) {
          const float d = is_inside(i) ? v[i][e] - mean : 0.0f;
          squares = fmaf(d, d, squares);
        }
      scale = rsqrtf(sum_lanes<kLanes>(squares) / static_cast<float>(args.c) + args.eps);
    }
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      if (!is_inside(i)) continue;
      factors.with(i, [&](const float(&factor)[8], const float(&offset)[8]) {
        const auto value = [&](int e) { return (v[i][e] - mean) * scale; };
        *reinterpret_cast<uint2*>(args.y + row * args.c + (i * kLanes + lane) * 8) =
            eight_codes<kKind>(value, factor, offset);
      });
    }
  }
}

template <typename T, int kLanes, int kVectors>
void launch_rows(const RowCodesArgs& args, const Launch& launch) {
  constexpr int kRows = kThreads / kLanes;
  constexpr int kBlocks = 4;  // of a multiprocessor, as many as registers are there for
  const int64_t most = static_cast<int64_t>(multiprocessors()) * kBlocks;
  const dim3 grid(static_cast<unsigned>(std::min((args.rows + kRows - 1) / kRows, most)));
  const auto run = [&](auto kernel) {
    launch_kernel("row_codes", kernel, grid, dim3(kThreads), 0, launch, args);
  };
  args.codes.kind == CodeKind::Float8
      ? run(row_codes_kernel<T, kLanes, kVectors, CodeKind::Float8>)
      : run(row_codes_kernel<T, kLanes, kVectors, CodeKind::Integer>);
}

/// Few lanes have many loads under way each; they leave none idle at the widths of UniFormer.
template <typename T>
void launch_width(const RowCodesArgs& args, const Launch& launch) {
  if (args.c <= 64) return launch_rows<T, 8, 1>(args, launch);
  if (args.c <= 128) return launch_rows<T, 8, 2>(args, launch);
  if (args.c <= 320) return launch_rows<T, 8, 5>(args, launch);
  if (args.c <= 512) return launch_rows<T, 16, 4>(args, launch);
  if (args.c <= 1024) return launch_rows<T, 16, 8>(args, launch);
  launch_rows<T, 32, 16>(args, launch);
}

}  // namespace

const char* row_codes_refusal(const RowCodesArgs& args) {
  if (args.element == Element::Float32) return "the elements are not of 16 bits";
  if (args.c % 8 != 0) return "rows are not a multiple of 8 elements";
  if (args.c > 4096) return "rows are wider than 4096";
  if (!aligned_16(args.x) || !aligned_16(args.y) || !aligned_16(args.codes.factor) ||
      !aligned_16(args.codes.offset))
    return "a pointer is not 16-byte aligned";
  return nullptr;
}

void row_codes(const RowCodesArgs& args, const Launch& launch) {
  if (const char* refusal = row_codes_refusal(args)) throw std::invalid_argument(refusal);
  if (args.rows == 0 || args.c == 0) return;
  args.element == Element::Float16 ? launch_width<__half>(args, launch)
                                   : launch_width<__nv_bfloat16>(args, launch);
}

}  // namespace vitro::cuda
