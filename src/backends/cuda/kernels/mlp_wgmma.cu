#include "backends/cuda/kernels/mlp_rows.cuh"

namespace vitro::cuda {
namespace {

template <typename T>
void launch_rows(const MlpArgs& a, int index, const Launch& launch) {
  if (index == 2) return launch_mlp_shape<T, MlpShape<64, 8, 128>, 0, 2, true>(a, launch);
  launch_mlp_shape<T, MlpShape<128, 12, 192>, 3, 1, true>(a, launch);
}

}  // namespace

void launch_mlp_wgmma(const MlpArgs& a, int index, const Launch& launch) {
  if (a.element == Element::Float16) return launch_rows<__half>(a, index, launch);
  launch_rows<__nv_bfloat16>(a, index, launch);
}

}  // namespace vitro::cuda
