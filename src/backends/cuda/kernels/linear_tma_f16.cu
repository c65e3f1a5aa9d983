#include "backends/cuda/kernels/linear_tma.cuh"

namespace vitro::cuda {

template void launch_tma_of<__half>(int, const TmaArgs&, const Launch&);

}  // namespace vitro::cuda
