#include "backends/cuda/kernels/group_norm.h"

#include <algorithm>

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int64_t kPartElements = 8192;  // of a group that a block takes, about
constexpr int64_t kMostParts = 64;

/// How the pixels of an image are divided among blocks.
struct Parts {
  int count;
  int64_t pixels;  // of each but the last

  explicit Parts(const GroupNormArgs& args) {
    const int64_t elements = args.pixels * (args.c / args.groups);
    const int64_t wanted =
        std::clamp((elements + kPartElements - 1) / kPartElements, int64_t{1}, kMostParts);
    pixels = std::max<int64_t>((args.pixels + wanted - 1) / wanted, 1);
    count = static_cast<int>((args.pixels + pixels - 1) / pixels);
  }
};

/// What a block works on: runs of `width` channels of some pixels of an image.
struct Part {
  int64_t first;   // element of x
  int64_t pixels;  // from there on
  int64_t group;   // among those of all images
  int channel;     // of the first element

  __device__ __forceinline__ Part(const GroupNormArgs& args, const Parts& parts) {
    const int64_t part = blockIdx.x % parts.count;
    group = blockIdx.x / parts.count;
    channel = static_cast<int>(group % args.groups) * (args.c / args.groups);
    first = (group / args.groups * args.pixels + part * parts.pixels) * args.c + channel;
    pixels = min(parts.pixels, args.pixels - part * parts.pixels);
  }
};

/// Calls body(offset from part.first, channel in the group) for this thread's share of the part,
/// kWidth channels each.
template <int kWidth, typename Body>
__device__ __forceinline__ void for_each(const GroupNormArgs& args, const Part& part,
                                         const Body& body) {
  const unsigned runs = args.c / args.groups / kWidth;
  const unsigned count = static_cast<unsigned>(part.pixels) * runs;
  for (unsigned i = threadIdx.x; i < count; i += kThreads) {
    const int channel = static_cast<int>(i % runs) * kWidth;
    body(static_cast<int64_t>(i / runs) * args.c + channel, channel);
  }
}

template <typename T, int kWidth>
__device__ __forceinline__ void load(const T* x, float (&v)[kWidth]) {
  if constexpr (kWidth == 8)
    Eight<T>::load(x).unpack(v);
  else
    v[0] = to_float(*x);
}

/// The sum over the threads of a block, the same bits in each.
__device__ __forceinline__ float sum_block(float v) {
  __shared__ float sums[kWarps];
  v = sum_lanes<32>(v);
  __syncthreads();  // what was there has been read
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = v;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kWarps; ++i) sum += sums[i];
  return sum;
}

/// The mean of each part of a group, and the sum of squares about it.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    group_norm_parts_kernel(GroupNormArgs args, Parts parts) {
  wait_for_previous();
  allow_next();
  const Part part(args, parts);
  const T* x = static_cast<const T*>(args.x) + part.first;
  // About one of the elements: sums of numbers far from zero would lose what tells them apart.
  const float origin = to_float(x[0]);
  float v[kWidth], sum = 0, squares = 0;
  for_each<kWidth>(args, part, [&](int64_t at, int) {
    load(x + at, v);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) sum += v[e] - origin;
  });
  const float count = static_cast<float>(part.pixels * (args.c / args.groups));
  const float mean = origin + sum_block(sum) / count;
  for_each<kWidth>(args, part, [&](int64_t at, int) {
    load(x + at, v);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) squares = fmaf(v[e] - mean, v[e] - mean, squares);
  });
  squares = sum_block(squares);
  if (threadIdx.x == 0) static_cast<float2*>(args.scratch)[blockIdx.x] = float2{mean, squares};
}

/// The mean and the scale of a group from its parts (Chan, Golub and LeVeque, 1979).
__device__ __forceinline__ float2 norm_of_group(const GroupNormArgs& args, const Parts& parts,
                                                int64_t group) {
  const float2* all = static_cast<const float2*>(args.scratch) + group * parts.count;
  const auto pixels_of = [&](int part) {
    return static_cast<float>(min(parts.pixels, args.pixels - part * parts.pixels));
  };
  float mean = 0, squares = 0;
  for (int i = 0; i < parts.count; ++i) mean += (all[i].x - all[0].x) * pixels_of(i);
  mean = all[0].x + mean / static_cast<float>(args.pixels);
  const float width = static_cast<float>(args.c / args.groups);
  for (int i = 0; i < parts.count; ++i) {
    const float away = all[i].x - mean;
    squares += fmaf(away * away, pixels_of(i) * width, all[i].y);
  }
  const float variance = squares / (static_cast<float>(args.pixels) * width);
  return {mean, rsqrtf(variance + args.eps)};
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads) group_norm_kernel(GroupNormArgs args, Parts parts) {
  wait_for_previous();
  allow_next();
  const Part part(args, parts);
  const float2 norm = norm_of_group(args, parts, part.group);
  const T* x = static_cast<const T*>(args.x) + part.first;
  T* y = static_cast<T*>(args.y) + part.first;
  for_each<kWidth>(args, part, [&](int64_t at, int channel) {
    float v[kWidth];
    load(x + at, v);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) {
      v[e] = (v[e] - norm.x) * norm.y;
      if (args.weight != nullptr) v[e] *= args.weight[part.channel + channel + e];
      if (args.bias != nullptr) v[e] += args.bias[part.channel + channel + e];
    }
    if constexpr (kWidth == 8)
      Eight<T>::store(y + at, v);
    else
      y[at] = from_float<T>(v[0]);
  });
}

int64_t num_blocks(const GroupNormArgs& args, const Parts& parts) {
  return args.n * args.groups * parts.count;
}

template <typename T, int kWidth>
void launch_group_norm(const GroupNormArgs& args, const Launch& launch) {
  const Parts parts(args);
  const dim3 blocks(static_cast<unsigned>(num_blocks(args, parts)));
  launch_kernel("group_norm", group_norm_parts_kernel<T, kWidth>, blocks, dim3(kThreads), 0, launch,
                args, parts);
  launch_kernel("group_norm", group_norm_kernel<T, kWidth>, blocks, dim3(kThreads), 0, launch, args,
                parts);
}

}  // namespace

size_t group_norm_scratch_bytes(const GroupNormArgs& args) {
  return static_cast<size_t>(num_blocks(args, Parts(args))) * sizeof(float2);
}

void group_norm(const GroupNormArgs& args, const Launch& launch) {
  if (args.n == 0 || args.pixels == 0 || args.c == 0) return;
  const bool eights = args.c / args.groups % 8 == 0 && aligned_16(args.x) && aligned_16(args.y);
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (eights) return launch_group_norm<T, 8>(args, launch);
    launch_group_norm<T, 1>(args, launch);
  });
}

}  // namespace vitro::cuda
