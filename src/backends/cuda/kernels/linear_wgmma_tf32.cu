#include "backends/cuda/kernels/linear_wgmma.cuh"

namespace vitro::cuda {

template void launch_wgmma_of<float>(int, const WgmmaArgs&, const Launch&);

}  // namespace vitro::cuda
