#pragma once

#include "backends/cpu/kernels/gemm.h"

// Decisions of the product that do not depend on the instruction set, except through the widest
// tile.
namespace vitro::cpu {

/// Rows of A that are used against every panel before the next rows: they stay in half of a 1 MB
/// L2.
int64_t gemm_row_block(int64_t k);
/// Row stride of the copy of A: an odd number of cache lines, so that rows spread over all cache
/// sets.
int64_t gemm_scratch_stride(int64_t k);
/// Whether rows of A are made in scratch instead of being read in place.
bool gemm_copies_rows(const GemmArgs& args);
/// How many of the k columns are multiplied at a time: all, but for patches of which a few panels
/// would not stay in the second-level cache. Whole taps of those, about as many each time.
int64_t gemm_depth_step(const GemmArgs& args);
/// Floats of scratch for the copy of a block of rows of A; 0 when A is read in place.
size_t gemm_rows_size(const GemmArgs& args);
/// How many of `panels` panels of bfloat16 weights are expanded to float32 at a time: so many as
/// leave the rows of A their place in the second-level cache, at least one.
int64_t gemm_expanded_panels(int64_t k, int64_t panels);
/// GemmScratchSize of the vector kernels: the copy of A, then the expanded panels.
size_t gemm_scratch_size(const GemmArgs& args);

// Products of narrow numbers: codes of a byte, or bfloat16.

/// Rows of so many bytes that are used against every panel before the next rows.
int64_t narrow_row_block(int64_t row_bytes);
/// Scratch of a product: the narrow numbers of a block of rows, in floats of memory; behind them,
/// where rows are normalised or gathered, some rows of k floats that become narrow together.
size_t narrow_rows_size(int64_t row_bytes);
int64_t narrow_floats_rows(int64_t k);
int64_t narrow_floats_stride(int64_t k);
/// GemmScratchSize of these products.
size_t narrow_scratch_size(const GemmArgs& args);

// Products of codes as words of 16 bits. Scratch: a block of rows of words, a panel of weights as
// words, then some rows of floats, or of codes of patches, that become words together.

/// From one row of words to the next.
int64_t word_row_bytes(int64_t k);
/// Where the parts begin, in floats.
size_t word_panel_offset(int64_t k);
size_t word_rest_offset(int64_t k);
/// GemmScratchSize of these products.
size_t word_scratch_size(const GemmArgs& args);

}  // namespace vitro::cpu
