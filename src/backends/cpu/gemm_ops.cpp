#include "backends/cpu/bands.h"
#include "backends/cpu/ops.h"
#include "ir/op_info.h"

namespace vitro::cpu {

const KernelTable& active_kernels(const Variant& variant) {
  const Isa isa = select_isa();
  return kernels(isa == Isa::Amx && variant.vector_product ? Isa::Avx512 : isa);
}

std::optional<Refusal> needs_amx(const Variant& variant) {
  if (!variant.vector_product || select_isa() == Isa::Amx) return std::nullopt;
  return Refusal{fmt::format("products are on {} as usual", isa_name(select_isa()))};
}

int64_t num_rows(const TensorType& type) { return num_elements(type.dims) / type.dims.back(); }

std::optional<Refusal> needs_float32(const OpContext& op) {
  for (size_t i = 0; i < op.num_inputs(); ++i)
    if (op.input(i).dtype != DType::Float32 &&
        !(op.constant(i) && is_matrix_operand(op.node.kind, i)))
      return Refusal{"operand " + std::to_string(i) + " is " + dtype_name(op.input(i).dtype)};
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
  const GemmGrid grid = gemm_grid(args.m, args.n, args.k, team.size());
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
