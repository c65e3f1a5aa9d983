#include "backends/cuda/kernels/linear_mma.cuh"

namespace vitro::cuda {

template void launch_mma_of<__half>(int, RowSource, const MmaArgs&, const Launch&);

}  // namespace vitro::cuda
