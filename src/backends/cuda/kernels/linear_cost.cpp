#include "backends/cuda/kernels/linear_cost.h"

#include <algorithm>
#include <cmath>

namespace vitro::cuda {

double expected_cycles(LinearKind kind, int block_m, int block_n, int m, int n, int slabs, int num_sms) {
  const double rows = (m + block_m - 1) / block_m, columns = (n + block_n - 1) / block_n;
  const double area = static_cast<double>(block_m) * block_n, edge = block_m + block_n;
  const bool wgmma = kind == LinearKind::Wgmma;
  // A slab's products at the rate that the kernels reach, or its way from L2, whichever is slower; then
  // the results, four cycles for eight of them.
  const double products = area * 64 / (wgmma ? 1600 : kind == LinearKind::Mma ? 600 : 100);
  const double fetch = edge * 128 / 40;
  const double block = (wgmma ? 1200 : 700) + slabs * std::max(products, fetch) + area / 12;
  const double waves = rows * columns / num_sms;
  return (wgmma ? 1500 : 1200) + block * (waves > 4 ? waves : std::ceil(waves));
}

}  // namespace vitro::cuda
