#include "backends/cpu/parallel_gemm.h"

#include <algorithm>

#include "backends/cpu/operands.h"

namespace vitro::cpu {

void parallel_gemm(const KernelTable& table, const GemmArgs& args, ThreadTeam& team,
                   float* scratch) {
  const GemmGrid grid =
      gemm_grid(args.m, args.n, args.k, team.size(), table.gemm_for(args).costs);
  const size_t scratch_size = table.gemm_scratch_size(args);
  const int64_t panels = num_panels(args.n);
  team.parallel_for(grid.count(), [&](int64_t i, int thread) {
    GemmArgs local = args;
    local.scratch = scratch + scratch_size * static_cast<size_t>(thread);
    const int64_t row = i % grid.row_tiles * grid.rows;
    const int64_t panel = i / grid.row_tiles * grid.panels;
    table.gemm_tile(local, row, std::min(args.m, row + grid.rows), panel,
                    std::min(panels, panel + grid.panels));
  });
}

}  // namespace vitro::cpu
