#include "backends/cuda/kernels/gather.h"

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/word.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

template <typename Word, typename Index>
__global__ void __launch_bounds__(kThreads) gather_kernel(GatherArgs args, int64_t count) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const int64_t c = i % args.inner, line = i / args.inner, outer = line / args.picked;
  const int64_t list = args.lists == 1 ? 0 : outer / (args.outer / args.lists);
  const int64_t place = args.elements ? i : list * args.picked + line % args.picked;
  int64_t index = static_cast<const Index*>(args.indices)[place];
  if (index < 0) index += args.extent;
  index = min(max(index, int64_t{0}), args.extent - 1);
  static_cast<Word*>(args.y)[i] =
      static_cast<const Word*>(args.x)[(outer * args.extent + index) * args.inner + c];
}

}  // namespace

void gather(const GatherArgs& args, const Launch& launch) {
  const int64_t count = args.outer * args.picked * args.inner;
  if (count == 0) return;
  with_word("gather", args.element_bytes, [&](auto tag) {
    using Word = typename decltype(tag)::type;
    launch_kernel("gather", args.wide ? gather_kernel<Word, int64_t> : gather_kernel<Word, int32_t>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args, count);
  });
}

}  // namespace vitro::cuda
