#pragma once

#include <string>

#include "backends/cuda/kernels/launch.h"

// Blocks of a transformer on the few tokens of one image, all in one launch. A launch for each
// product takes 2 to 4 us for one of work; here a block of the GPU keeps 16 tokens and a share of
// the columns through all blocks of the model, waits for no more than what it needs of others, and
// has its weights brought ahead.
namespace vitro::cuda {

/// x1 = dw3x3(x) + pos_bias; x2 = x1 + proj(attention(qkv(norm(x1)))); y = x2 + fc2(gelu(fc1(
/// norm(x2)))), each block with the result of the one before; norms without weights. Heads of 64.
struct TransformerBlocksArgs {
  static constexpr int kMostBlocks = 32;

  Element element = Element::Float16;
  const void* x = nullptr;  // [h, w, c]
  void* y = nullptr;        // [h, w, c]; may be x
  void* scratch = nullptr;  // transformer_blocks_scratch_bytes()
  int h = 0, w = 0, c = 0;
  int blocks = 0;
  float scale = 0;                   // of the scores
  float eps1 = 1e-6f, eps2 = 1e-6f;  // of the norm before qkv and of that before fc1
  /// Of each block, what pack_transformer_block() made.
  const void* packed[kMostBlocks] = {};
};

/// The weights of one block; matrices [out, in] in the storage type, all on the device.
struct TransformerBlockWeights {
  const float *pos_weight = nullptr, *pos_bias = nullptr;  // [3, 3, c], [c]
  const void *qkv = nullptr, *proj = nullptr, *fc1 = nullptr, *fc2 = nullptr;
  const float *qkv_bias = nullptr, *proj_bias = nullptr, *fc1_bias = nullptr, *fc2_bias = nullptr;
  const float *qkv_sums = nullptr, *fc1_sums = nullptr;  // linear_weight_sums()
};

/// Why it cannot run on the current device; empty when it can. Looks at neither pointers nor
/// weights.
std::string transformer_blocks_refusal(const TransformerBlocksArgs& args);

size_t transformer_blocks_scratch_bytes(const TransformerBlocksArgs& args);

/// Bytes of the packed weights of a block of width c, which must not be refused.
size_t packed_transformer_block_bytes(int c);
/// Orders the weights of a block as the kernel reads them.
void pack_transformer_block(Element element, int c, const TransformerBlockWeights& weights,
                            void* packed, const Launch& launch);

void transformer_blocks(const TransformerBlocksArgs& args, const Launch& launch);

}  // namespace vitro::cuda
