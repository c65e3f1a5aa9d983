#include "backends/cuda/kernels/transformer_blocks.h"

#include <cooperative_groups.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/transformer_blocks_mixing.cuh"
#include "backends/cuda/kernels/transformer_blocks_product.cuh"

namespace vitro::cuda {
namespace {

using namespace blocks;

__host__ __device__ constexpr int token_tiles(int tokens) { return (tokens + kRows - 1) / kRows; }

/// What the CTAs hand to each other in a block, in this order in the scratch memory. Each block has
/// its own: what is there is never absent again.
struct Scratch {
  size_t embedded, context, rows, hidden, result, block_bytes;  // behind qkv

  __host__ __device__ Scratch(int tokens, int c) {
    const size_t row_bytes = static_cast<size_t>(tokens) * c * 2;
    embedded = 3 * row_bytes;
    context = embedded + row_bytes;
    rows = context + row_bytes;
    hidden = rows + row_bytes;
    result = hidden + 4 * static_cast<size_t>(token_tiles(tokens)) * kRows * c * 2;
    block_bytes = result + row_bytes;
  }
};

/// A CTA's part of all blocks.
template <typename S>
class Worker {
  using T = typename S::T;
  using M = Memory<S>;
  static constexpr int kHiddenWidth = S::kFc1Chunks * S::C;

 public:
  __device__ Worker(const TransformerBlocksArgs& args, const M& memory)
      : args_(args),
        memory_(memory),
        copies_(args, memory),
        scratch_(args.h * args.w, S::C),
        tokens_(args.h * args.w),
        group_(blockIdx.x % S::kGroups),
        row0_(static_cast<int>(blockIdx.x) / S::kGroups * kRows),
        valid_(min(kRows, tokens_ - row0_)),
        embedding_(row0_, args.h, args.w) {}

  __device__ void run() {
    copies_.ask(copies_.next(M::kSlots));
    clear();
    const auto grid = cooperative_groups::this_grid();
    auto cleared = grid.barrier_arrive();
    wait_for_previous();
    for (block_ = 0; block_ < args_.blocks; ++block_) {
      floats_ = memory_.floats + block_ % 2 * S::kFloats;
      embed([&] {
        if (block_ == 0) grid.barrier_wait(std::move(cleared));
      });
      if (block_ + 1 == args_.blocks) allow_next();
      make_qkv();
      if (group_ % S::kGroupsOfHead < S::kContextParts) make_context();
      make_rows();
      make_hidden();
      make_result();
    }
  }

 private:
  /// Nothing of the scratch memory is there yet. No kernel before this one uses it.
  __device__ void clear() const {
    const size_t pieces = scratch_.block_bytes * args_.blocks / 16;
    auto* const scratch = static_cast<uint4*>(args_.scratch);
    for (size_t i = blockIdx.x * kThreads + threadIdx.x; i < pieces; i += gridDim.x * kThreads)
      scratch[i] = uint4{kAbsent, kAbsent, kAbsent, kAbsent};
  }

  __device__ T* at(int block, size_t offset) const {
    return reinterpret_cast<T*>(static_cast<unsigned char*>(args_.scratch) +
                                scratch_.block_bytes * block + offset);
  }
  __device__ T* qkv() const { return at(block_, 0); }
  __device__ T* embedded() const { return at(block_, scratch_.embedded) + row0_ * S::C; }
  __device__ T* context() const { return at(block_, scratch_.context) + row0_ * S::C; }
  __device__ T* rows() const { return at(block_, scratch_.rows) + row0_ * S::C; }
  __device__ unsigned char* hidden() const {
    return reinterpret_cast<unsigned char*>(at(block_, scratch_.hidden) + row0_ * kHiddenWidth);
  }
  __device__ const float* piece(int i) const { return floats_ + i * S::kColumns; }

  __device__ int first_neighbour() const { return max(row0_ - args_.w - 1, 0); }

  /// The CTA's columns of the rows that its own are made of, in shared memory.
  __device__ void receive_neighbours() {
    constexpr int kPieces = S::kColumns / 8;
    const int first = first_neighbour();
    const int pieces = (min(row0_ + kRows + args_.w + 1, tokens_) - first) * kPieces;
    const T* x = block_ == 0 ? static_cast<const T*>(args_.x) : at(block_ - 1, scratch_.result);
    x += first * S::C + group_ * S::kColumns;
    for (int i = threadIdx.x; i < pieces; i += kThreads) {
      uint4 piece;
      do load_received(piece, x + i / kPieces * S::C + i % kPieces * 8);
      while (block_ > 0 && is_absent(piece));
      *reinterpret_cast<uint4*>(memory_.act + i * 8) = piece;
    }
    __syncthreads();
  }

  /// multiply_rows() of the CTA's rows. The next chunks of weights are asked for when the rows are
  /// there: sooner, up to 80 KB would come to the multiprocessor ahead of them.
  template <bool kNormed, typename W>
  __device__ void multiply(const W& weights, const T* rows) {
    const auto chunk = copies_.next(W::kChunks);
    receive_tile<S>(memory_, rows, valid_);
    if (asks_with_rows<W>()) copies_.ask(chunk);
    multiply_rows<kNormed>(memory_, weights);
    if (!asks_with_rows<W>()) copies_.ask(chunk);
  }
  template <typename W>
  __device__ static bool asks_with_rows() {
    return W::kChunks <= S::kAskedWithRows || threadIdx.x / 32 < S::kAskedWithRows;
  }

  /// write_allowed() returns when the scratch memory may be written to.
  template <typename WriteAllowed>
  __device__ void embed(const WriteAllowed& write_allowed) {
    barrier_wait(memory_.floats_full, block_ % 2);
    const auto factors = embedding_.factors(floats_);
    receive_neighbours();
    write_allowed();
    embedding_.run(memory_, factors, row0_ - first_neighbour(), embedded() + group_ * S::kColumns);
  }

  __device__ void make_qkv() {
    const Weights<S, S::kQkvChunks, false> weights(memory_, place_);
    multiply<true>(weights, embedded());
    T* to = qkv() + row0_ * 3 * S::C + group_ * S::kColumns;
    finish_rows<S, decltype(weights)>(
        memory_, piece(S::kQkvPiece), piece(S::kQkvSumsPiece), args_.eps1,
        [&](int row, int column, const float(&v)[kFinished]) {
          if (row < valid_)
            store_finished(to + row * 3 * S::C + column / S::kColumns * S::C + column % S::kColumns,
                           v);
        });
  }

  __device__ void make_context() {
    const int head = group_ / S::kGroupsOfHead;
    const T* keys = qkv() + head * kHeadDim;
    const int column = group_ % S::kGroupsOfHead * S::kContextColumns;
    attend(memory_, keys + row0_ * 3 * S::C, keys, column, valid_, tokens_, args_.scale,
           context() + head * kHeadDim + column);
  }

  __device__ void make_rows() {
    const Weights<S, 1, false> weights(memory_, place_);
    multiply<false>(weights, context());
    finish_residual<S, decltype(weights)>(memory_, piece(S::kProjPiece), rows(), valid_);
  }

  __device__ void make_hidden() {
    const Weights<S, S::kFc1Chunks, false> weights(memory_, place_);
    multiply<true>(weights, rows());
    unsigned char* const to = hidden();
    finish_rows<S, decltype(weights)>(memory_, piece(S::kFc1Piece), piece(S::kFc1SumsPiece),
                                      args_.eps2, [&](int row, int column, float(&v)[kFinished]) {
#pragma unroll
                                        for (float& value : v) value = gelu<T>(value);
                                        // Also of rows behind the last token: who receives the
                                        // others receives them, too.
                                        const int place = HiddenPlace::of(
                                            row, group_ * weights.kColumns + column);
                                        store_finished(reinterpret_cast<T*>(to + place), v);
                                      });
  }

  __device__ void make_result() {
    const Weights<S, S::kFc2Chunks, true> weights(memory_, place_);
    const auto chunk = copies_.next(weights.kChunks);
    multiply_hidden(memory_, weights, hidden(), [&] {
      if (asks_with_rows<decltype(weights)>()) copies_.ask(chunk);
    });
    if (!asks_with_rows<decltype(weights)>()) copies_.ask(chunk);
    T* const y =
        block_ + 1 == args_.blocks ? static_cast<T*>(args_.y) : at(block_, scratch_.result);
    finish_residual<S, decltype(weights)>(memory_, piece(S::kFc2Piece), y + row0_ * S::C, valid_);
  }

  const TransformerBlocksArgs& args_;
  const M& memory_;
  WeightCopies<S> copies_;
  const Scratch scratch_;
  const int tokens_, group_, row0_, valid_;
  const Embedding<S> embedding_;
  RingPlace<S> place_;
  int block_ = 0;
  const float* floats_ = nullptr;  // of the block
};

template <typename S>
__global__ void __launch_bounds__(kThreads, 1)
    transformer_blocks_kernel(const __grid_constant__ TransformerBlocksArgs args) {
  extern __shared__ __align__(128) unsigned char shared_bytes[];
  const Memory<S> memory(shared_bytes);
  if (threadIdx.x == 0) {
    for (int slot = 0; slot < Memory<S>::kSlots; ++slot) barrier_init(memory.full + 8 * slot, 1);
    barrier_init(memory.floats_full, 1);
    barrier_init_fence();
  }
  __syncthreads();
  Worker<S>(args, memory).run();
}

}  // namespace

std::string transformer_blocks_refusal(const TransformerBlocksArgs& args) {
  std::string refusal;
  const bool has_shape = with_shape(args.element, args.c, [&](auto tag) {
    using S = typename decltype(tag)::type;
    using M = Memory<S>;
    const int tokens = args.h * args.w, ctas = token_tiles(tokens) * S::kGroups;
    const int most_keys = M::kKeyWarps * M::kKeysOfWarp;
    if (compute_capability() < 90)
      refusal = "it needs the copy engine of sm_90";
    else if (args.blocks < 1 || args.blocks > TransformerBlocksArgs::kMostBlocks)
      refusal = "it takes 1 to " + std::to_string(TransformerBlocksArgs::kMostBlocks) +
                " blocks, not " + std::to_string(args.blocks);
    else if (tokens < 1 || tokens > most_keys)
      refusal =
          "it holds 1 to " + std::to_string(most_keys) + " tokens, not " + std::to_string(tokens);
    else if (ctas > multiprocessors())
      refusal = std::to_string(tokens) + " tokens need " + std::to_string(ctas) +
                " multiprocessors, and there are " + std::to_string(multiprocessors());
    else if (!(args.scale > 0))
      refusal = "it needs a positive scale, not " + std::to_string(args.scale);
  });
  if (!has_shape)
    return "it is for 16 bits and widths of 320 and 512, not " + std::to_string(args.c);
  return refusal;
}

size_t transformer_blocks_scratch_bytes(const TransformerBlocksArgs& args) {
  return Scratch(args.h * args.w, args.c).block_bytes * static_cast<size_t>(args.blocks);
}

void transformer_blocks(const TransformerBlocksArgs& args, const Launch& launch) {
  const std::string refusal = transformer_blocks_refusal(args);
  if (!refusal.empty()) throw std::invalid_argument("transformer_blocks: " + refusal);
  with_shape(args.element, args.c, [&](auto tag) {
    using S = typename decltype(tag)::type;
    launch_cooperative("transformer_blocks", transformer_blocks_kernel<S>,
                       token_tiles(args.h * args.w) * S::kGroups, kThreads, Memory<S>::kBytes,
                       launch, args);
  });
}

}  // namespace vitro::cuda
