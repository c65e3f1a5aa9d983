#pragma once

#include "backends/cuda/kernels/element.cuh"

// How the blocks of a width share columns and weights: what the kernel and the packing of its
// weights both know.
namespace vitro::cuda::blocks {

inline constexpr int kRows = 16;  // tokens of a CTA
inline constexpr int kHeadDim = 64;
inline constexpr int kWarps = 16;  // that multiply

/// A tile of kRows tokens has kGroups CTAs. Each makes kColumns columns of the results of proj and
/// fc2, three times as many of qkv and four times as many of fc1: in all kChunks chunks of weights,
/// each of C values of k for kColumns columns, in units of 16 by 8.
template <typename T_, int C_, int kColumns_, int kAskedWithRows_>
struct Shape {
  using T = T_;
  static constexpr int C = C_, kColumns = kColumns_, kGroups = C / kColumns;
  static constexpr int kHeads = C / kHeadDim, kGroupsOfHead = kGroups / kHeads;
  // CTAs that make a head's context, each of some columns of the values; the others wait for it.
  static constexpr int kContextParts = 2, kContextColumns = kHeadDim / kContextParts;
  // Of a chunk of all but fc2 each warp has a unit's columns by kSteps steps of k.
  static constexpr int kColumnTiles = kColumns / 8, kParts = kWarps / kColumnTiles;
  static constexpr int kSteps = C / 16 / kParts;
  static constexpr int kQkvChunks = 3, kFc1Chunks = 4, kFc2Chunks = 4;
  // Of fc2, by four times as many values of k, a warp has all columns and steps of one chunk, so
  // that rows are read once.
  static constexpr int kLongParts = kWarps, kLongSteps = C / 16 / (kWarps / kFc2Chunks);
  // Behind each row of sums; eight rows lie in different banks but where memory does not go so far.
  static constexpr int kSumsPad = 8, kLongSumsPad = 4;
  /// As many as there are CTAs for on 132 multiprocessors.
  static constexpr int kMostTiles = 132 / kGroups;
  static constexpr int kChunks = kQkvChunks + 1 + kFc1Chunks + kFc2Chunks;
  static constexpr int kChunkBytes = kColumns * C * 2;
  // Of the chunks that come next so many are asked for when a product has its rows, the others when
  // it is multiplied.
  static constexpr int kAskedWithRows = kAskedWithRows_;
  // Of each CTA, float32 values of its columns: the taps of the positional convolution, then its
  // bias and those of qkv, proj, fc1 and fc2, then the sums of the weights of qkv and fc1.
  static constexpr int kTaps = 9, kPosPiece = kTaps, kQkvPiece = kPosPiece + 1;
  static constexpr int kProjPiece = kQkvPiece + kQkvChunks, kFc1Piece = kProjPiece + 1;
  static constexpr int kFc2Piece = kFc1Piece + kFc1Chunks, kQkvSumsPiece = kFc2Piece + 1;
  static constexpr int kFc1SumsPiece = kQkvSumsPiece + kQkvChunks;
  static constexpr int kFloats = (kFc1SumsPiece + kFc1Chunks) * kColumns;
  static constexpr size_t kWeightBytes = static_cast<size_t>(kGroups) * kChunks * kChunkBytes;
  static constexpr size_t kPackedBytes = kWeightBytes + 4 * kGroups * kFloats;
  static_assert(C % kColumns == 0 && kGroups % kHeads == 0 && kColumns % 8 == 0);
  static_assert(kContextParts <= kGroupsOfHead);
  static_assert(kWarps % kColumnTiles == 0 && C % (16 * kParts) == 0 && kWarps % kFc2Chunks == 0);
};

template <typename T>
using Width320 = Shape<T, 320, 32, 3>;
template <typename T>
using Width512 = Shape<T, 512, 16, 2>;

/// call(TypeTag of the Shape) for 16-bit elements and a width that there is a shape of; false where
/// there is none.
template <typename F>
bool with_shape(Element element, int c, F&& call) {
  const auto of_type = [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (c == 320) return call(TypeTag<Width320<T>>{}), true;
    if (c == 512) return call(TypeTag<Width512<T>>{}), true;
    return false;
  };
  if (element == Element::Float16) return of_type(TypeTag<__half>{});
  if (element == Element::BFloat16) return of_type(TypeTag<__nv_bfloat16>{});
  return false;
}

}  // namespace vitro::cuda::blocks
