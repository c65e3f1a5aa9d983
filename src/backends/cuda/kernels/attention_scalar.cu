#include "backends/cuda/kernels/attention_kernels.h"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

/// One warp per query, head and image; its scores lie in shared memory.
template <typename T>
__global__ void __launch_bounds__(32) attention_scalar_kernel(AttentionArgs args) {
  extern __shared__ __align__(16) float scores[];  // [t]
  wait_for_previous();
  allow_next();
  const int lane = threadIdx.x;
  const int head = blockIdx.y, image = blockIdx.z, query = blockIdx.x;
  const int64_t width = static_cast<int64_t>(args.heads) * args.head_dim;
  const T* tokens = static_cast<const T*>(args.qkv) +
                    static_cast<int64_t>(image) * args.t * 3 * width + head * args.head_dim;
  const T* q = tokens + query * 3 * width;
  const AttentionBias& bias = args.bias;
  const float* const added = bias.data == nullptr
                                 ? nullptr
                                 : bias.data + image % bias.images * bias.image_stride +
                                       head * bias.head_stride + query * bias.query_stride;
  float maximum = -INFINITY;
  for (int key = lane; key < args.t; key += 32) {
    const T* k = tokens + key * 3 * width + width;
    float dot = 0;
    for (int i = 0; i < args.head_dim; ++i) dot = fmaf(to_float(q[i]), to_float(k[i]), dot);
    scores[key] = dot * args.scale + (added != nullptr ? added[key * bias.key_stride] : 0.0f);
    maximum = max_or_nan(maximum, scores[key]);
  }
  maximum = max_lanes<32>(maximum);
  float sum = 0;
  for (int key = lane; key < args.t; key += 32) {
    scores[key] = expf(scores[key] - maximum);
    sum += scores[key];
  }
  const float inverse = 1.0f / sum_lanes<32>(sum);
  __syncwarp();
  T* context = static_cast<T*>(args.context) +
               (static_cast<int64_t>(image) * args.t + query) * width + head * args.head_dim;
  for (int i = lane; i < args.head_dim; i += 32) {
    float total = 0;
    for (int key = 0; key < args.t; ++key)
      total = fmaf(scores[key], to_float(tokens[key * 3 * width + 2 * width + i]), total);
    context[i] = from_float<T>(total * inverse);
  }
}

}  // namespace

void attention_scalar(const AttentionArgs& args, const Launch& launch) {
  const size_t bytes =
      (args.t + 3) / 4 * sizeof(float4);  // the compiler reads scores four at a time
  with_element(args.element, [&](auto tag) {
    launch_kernel("attention", attention_scalar_kernel<typename decltype(tag)::type>,
                  dim3(args.t, args.heads, args.n), dim3(32), bytes, launch, args);
  });
}

}  // namespace vitro::cuda
