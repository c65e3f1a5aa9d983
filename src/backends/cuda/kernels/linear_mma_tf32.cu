#include "backends/cuda/kernels/linear_mma.cuh"

namespace vitro::cuda {

template void launch_mma_of<float>(int, RowSource, const MmaArgs&, const Launch&);

}  // namespace vitro::cuda
