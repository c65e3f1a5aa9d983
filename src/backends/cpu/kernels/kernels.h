#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/codes.h"
#include "backends/cpu/kernels/depthwise.h"
#include "backends/cpu/kernels/direct_conv.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/moments.h"
#include "backends/cpu/kernels/pool.h"
#include "backends/cpu/kernels/reduce.h"
#include "backends/cpu/kernels/rows.h"
#include "backends/cpu/kernels/softmax.h"
#include "backends/cpu/kernels/winograd.h"

namespace vitro::cpu {

/// Instruction sets with kernels of their own, slowest first.
enum class Isa { Scalar, Avx2, Avx512, Amx };

/// "scalar", "avx2", "avx512", "amx" (AVX-512 with products on AMX).
const char* isa_name(Isa isa);
/// What this processor and operating system can run, slowest first; never empty.
std::vector<Isa> available_isas();
/// The fastest of available_isas().
Isa detect_isa();
/// detect_isa(), unless the environment variable VITRO_CPU_ISA names another. Throws
/// InvalidArgument when it names an unknown or unavailable one.
Isa select_isa();

/// Rows of x [rows, channels] rounded to bfloat16, bfloat16_stride(channels) apart.
using RoundRows = void (*)(const float* x, int64_t rows, int64_t channels, uint16_t* dst);

/// What multiplies bfloat16; all null where the processor cannot.
struct BFloat16Kernels {
  GemmKernel gemm;
  Attention attention = nullptr;  ///< between rows of bfloat16
  RoundRows round = nullptr;
};

/// The kernels of one instruction set. All are single-threaded, allocate nothing, are reentrant,
/// and give the same bits however their range is cut. All tensors are float32, but codes,
/// quantized weights and the operands of products in bfloat16.
struct KernelTable {
  Isa isa;
  GemmKernel gemm;
  GemmKernel quantized_gemm;  ///< the same bits on every instruction set, up to its end
  bool widens_codes = false;  ///< has vectors and no instruction for codes: they become words first
  BFloat16Kernels bfloat16;
  bool has_bfloat16() const { return bfloat16.gemm.tile != nullptr; }
  const GemmKernel& gemm_for(const GemmArgs& args) const {
    if (args.pairs) return bfloat16.gemm;
    return args.quantized.data ? quantized_gemm : gemm;
  }
  size_t gemm_scratch_size(const GemmArgs& args) const { return gemm_for(args).scratch_size(args); }
  void gemm_tile(const GemmArgs& args, int64_t m_begin, int64_t m_end, int64_t panel_begin,
                 int64_t panel_end) const {
    gemm_for(args).tile(args, m_begin, m_end, panel_begin, panel_end);
  }
  QuantizeRows quantize;
  Depthwise depthwise;
  DirectConvKernel direct_conv;
  WinogradKernel winograd2x2, winograd4x4;
  Attention attention;
  LayerNormRows layer_norm;
  SoftmaxRows softmax;
  SoftmaxColumns softmax_columns;
  SoftmaxMaps softmax_maps;
  Activate activate;
  BinaryRange binary[kNumBinaryKinds];  ///< by BinaryKind
  WeightedSum weighted_sum;
  TransposeMatrix transpose;
  Pool pool;
  ChannelNormRows channel_norm;
  QuantizeRange quantize_uint8, quantize_int8;
  DequantizeRange dequantize_uint8, dequantize_int8;
  ReduceKernels reduce[kNumReduceKinds];  ///< by ReduceKind
  const ReduceKernels& reduce_of(ReduceKind kind) const {
    return reduce[static_cast<size_t>(kind)];
  }
  MomentTokens moments;
  CumSumTokens cum_sum;

  /// Multiply-adds in registers only, probe_multiply_adds per iteration: the peak to compare with.
  float (*fma_probe)(int64_t iterations);
  int probe_multiply_adds;
};

/// Throws InvalidArgument when `isa` is not available.
const KernelTable& kernels(Isa isa);

}  // namespace vitro::cpu
