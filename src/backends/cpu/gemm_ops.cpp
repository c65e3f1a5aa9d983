#include "backends/cpu/bands.h"
#include "backends/cpu/ops.h"
#include "ir/op_info.h"

namespace vitro::cpu {

// Two processors of one core share its tile unit, and each thread makes tiles of its own from the
// rows: measured on 16 such processors, AMX is faster than AVX-512 on 2 threads, about equal on 4
// and slower beyond (docs/performance.md).
constexpr int kMaxAmxThreads = 4;

const KernelTable& active_kernels() { return kernels(select_isa()); }

const KernelTable& product_kernels(int threads, const Variant& variant) {
  const Isa isa = select_isa();
  const bool vector = variant.vector_product || threads > kMaxAmxThreads;
  return kernels(isa == Isa::Amx && vector ? Isa::Avx512 : isa);
}

std::optional<Refusal> needs_amx(int threads, const Variant& variant) {
  if (!variant.vector_product) return std::nullopt;
  const Isa isa = product_kernels(threads, {}).isa;
  if (isa == Isa::Amx) return std::nullopt;
  return Refusal{fmt::format("products are on {} as usual", isa_name(isa))};
}

int64_t num_rows(const TensorType& type) { return num_elements(type.dims) / type.dims.back(); }

std::optional<Refusal> needs_float32(const OpContext& op) {
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    if (!op.has_input(i)) continue;
    if (num_elements(op.input(i).dims) == 0) return Refusal{fmt::format("operand {} is empty", i)};
    if (op.input(i).dtype != DType::Float32 &&
        !(op.constant(i) && is_matrix_operand(op.node.kind, i)))
      return Refusal{fmt::format("operand {} is {}", i, dtype_name(op.input(i).dtype))};
  }
  return std::nullopt;
}

std::optional<Refusal> needs_panels(const OpContext& op, size_t index) {
  const Constant* constant = op.constant(index);
  if (constant && constant->layout == Layout::Panel16) return std::nullopt;
  return Refusal{"operand " + std::to_string(index) +
                 (constant ? " has layout row_major, not panel16" : " is computed, not a weight")};
}

PanelMatrix panel_operand(const OpContext& op, size_t index) {
  const Constant& weight = *op.constant(index);
  const int64_t k = weight.dims[1];
  if (weight.dtype == DType::Float32) return panel16_matrix(weight.data(), k);
  return panel16_matrix(reinterpret_cast<const uint16_t*>(weight.bytes.data()), k);
}

void parallel_gemm(const KernelTable& table, const GemmArgs& args, ThreadTeam& team,
                   float* scratch) {
  const GemmGrid grid = gemm_grid(args.m, args.n, args.k, team.size(), table.gemm_costs);
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
