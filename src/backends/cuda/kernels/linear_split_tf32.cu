#include "backends/cuda/kernels/linear_split.cuh"

namespace vitro::cuda {

template void launch_split_of<float>(int, const WgmmaArgs&, const Launch&);

}  // namespace vitro::cuda
