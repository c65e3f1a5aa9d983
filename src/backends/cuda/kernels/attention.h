#pragma once

#include <string>

#include "backends/cuda/kernels/codes.h"
#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// What is added to scaled scores: element (image % images, head, query, key) at these strides,
/// which are 0 where the bias is the same for all.
struct AttentionBias {
  const float* data = nullptr;  // or null for none
  int images = 1;
  int64_t image_stride = 0, head_stride = 0, query_stride = 0, key_stride = 0;  // in elements
};

/// context = softmax(scale q k^T + bias) v for each image and head. Scores, softmax and sums are
/// float32; the weights are rounded to the storage type for the second product, as q, k and v are.
struct AttentionArgs {
  Element element = Element::Float16;  // of qkv and context
  const void* qkv = nullptr;           // [n, t, 3, heads, head_dim]
  void* context = nullptr;             // [n, t, heads, head_dim]; codes with codes.factor
  int n = 0, t = 0, heads = 0, head_dim = 0;
  float scale = 1.0f;
  AttentionBias bias{};  // on the Scalar and Rows variants
  CodeFactors codes{};   // of context's channels, on the Wgmma variant
  bool tf32 = false;     // float32 operands may be rounded to tf32 for the tensor cores
};

/// How attention() takes a problem. The order of its sums, so the last bits, depends on this and on
/// t, never on other images.
enum class AttentionVariant {
  Scalar,     ///< whatever the others refuse: a warp per query
  SplitKeys,  ///< a CTA per 16 queries, its warps share the keys out: few images and keys
  Wgmma,      ///< a CTA per 64 queries, all keys at once: up to 256 keys, head_dim 32 or 64, sm_90a
  Rows,       ///< a CTA per 64 or 112 queries, 16 a warp: many images, any t
};

/// The variant that attention() runs on the current device: what was fastest on an H100.
AttentionVariant attention_variant(const AttentionArgs& args);

/// Why `variant` cannot run `args`; empty when it can.
std::string attention_refusal(const AttentionArgs& args, AttentionVariant variant);

/// Throws std::invalid_argument with attention_refusal() when the variant cannot.
void attention(const AttentionArgs& args, AttentionVariant variant, const Launch& launch);
inline void attention(const AttentionArgs& args, const Launch& launch) {
  attention(args, attention_variant(args), launch);
}

}  // namespace vitro::cuda
