#include "backends/cuda/kernels/convert.h"

#include "backends/cuda/kernels/number.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

dim3 grid_of(int64_t count) { return static_cast<unsigned>((count + kThreads - 1) / kThreads); }

template <typename V>
__global__ void __launch_bounds__(kThreads) convert_kernel(ConvertArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < args.count) store_number(args.to, args.y, i, load_number<V>(args.from, args.x, i));
}

__global__ void __launch_bounds__(kThreads) quantize_kernel(QuantizeArgs args) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= args.count) return;
  const int64_t place = i / args.inner % args.scales;
  const float scale = args.scale[place];
  const float zero = args.zero ? load_number<float>(args.code, args.zero, place) : 0.0f;
  if (args.quantizes) {
    const float x = load_number<float>(args.number, args.from, i);
    store_number(args.code, args.to, i, rintf(__fdiv_rn(x, scale)) + zero);
  } else {
    const float q = load_number<float>(args.code, args.from, i);
    store_number(args.number, args.to, i, (q - zero) * scale);
  }
}

}  // namespace

void convert(const ConvertArgs& args, const Launch& launch) {
  if (args.count == 0) return;
  launch_kernel("convert", is_float(args.from) ? convert_kernel<float> : convert_kernel<int64_t>,
                grid_of(args.count), dim3(kThreads), 0, launch, args);
}

void quantize_linear(const QuantizeArgs& args, const Launch& launch) {
  if (args.count == 0) return;
  launch_kernel("quantize_linear", quantize_kernel, grid_of(args.count), dim3(kThreads), 0, launch,
                args);
}

}  // namespace vitro::cuda
