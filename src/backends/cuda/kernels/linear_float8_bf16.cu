#include "backends/cuda/kernels/linear_wgmma.cuh"

namespace vitro::cuda {

template void launch_wgmma_codes_of<__nv_bfloat16, CodeKind::Float8>(int, bool, const WgmmaArgs&,
                                                                     const Launch&);

}  // namespace vitro::cuda
