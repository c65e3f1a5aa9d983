#pragma once

#include "backends/cpu/kernels/gemm.h"

namespace vitro::cpu {

/// gemm_tile on AMX, to the accuracy of float32: each number is the sum of three bf16 numbers,
/// exactly, and six of the nine products of parts are summed in float32; the three left out are
/// below 2^-26 of the result's terms. Weights of bf16 are one part, and all three products of it
/// are summed. An infinite operand gives NaN, and parts below 2^-126 count as zero.
void gemm_tile_amx(const GemmArgs& args, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                   int64_t panel_end);
size_t gemm_scratch_size_amx(const GemmArgs& args);
/// Both operands are made into tiles first, which dear weights make a reason to cut by columns.
inline constexpr GemmCosts kGemmCostsAmx{32, 2, 0.6, 0.85};

/// Tile products in registers only, four independent chains: what gemm_tile_amx cannot exceed.
float product_probe_amx(int64_t iterations);
/// Multiply-adds of float32 in one iteration: six tile products make one of float32.
inline constexpr double kProductProbeMultiplyAddsAmx = 4.0 * 16 * 16 * 32 / 6;

}  // namespace vitro::cpu
