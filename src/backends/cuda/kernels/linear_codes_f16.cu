#include "backends/cuda/kernels/linear_wgmma.cuh"

namespace vitro::cuda {

template void launch_wgmma_codes_of<__half, CodeKind::Integer>(int, bool, const WgmmaArgs&,
                                                               const Launch&);

}  // namespace vitro::cuda
