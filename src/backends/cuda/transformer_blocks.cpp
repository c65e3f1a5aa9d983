#include "backends/cuda/transformer_blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/merge_steps.h"
#include "backends/cuda/transformer_part.h"

namespace vitro::cuda {
namespace {

constexpr const char* kId = "cuda:transformer_blocks";
constexpr size_t kParts = 3;  // positional convolution, attention, MLP

class TransformerBlocksKernel final : public Kernel {
 public:
  explicit TransformerBlocksKernel(TransformerBlocksArgs args) : args_(args) {}
  size_t scratch_bytes() const override { return transformer_blocks_scratch_bytes(args_); }
  std::string choices() const override { return fmt::format("{} blocks", args_.blocks); }
  void run(const KernelArgs& args) const override {
    TransformerBlocksArgs blocks = args_;
    blocks.x = args.inputs[0];
    blocks.y = args.outputs[0];
    blocks.scratch = args.scratch;
    transformer_blocks(blocks, launch_of(args));
  }

 private:
  TransformerBlocksArgs args_;
};

/// The block that begins at `step`, all of whose values only its own steps read.
std::optional<TransformerBlock> block_at(const Program& program, size_t step) {
  if (step + kParts > program.sequence.size()) return std::nullopt;
  TransformerBlock block;
  for (size_t part = 0; part < kParts; ++part) {
    const Step& one = program.sequence[step + part];
    const auto* joins = dynamic_cast<const TransformerPart*>(one.kernel.get());
    if (!joins || one.outputs.size() != 1 || !joins->join(block)) return std::nullopt;
    if (part + 1 < kParts && !only_next_reads(program, step + part)) return std::nullopt;
  }
  return block;
}

bool follows(const TransformerBlock& block, const TransformerBlock& first) {
  const auto form = [](const TransformerBlock& b) {
    return std::tuple(b.element, b.n, b.h, b.w, b.c, b.scale, b.eps1, b.eps2);
  };
  return form(block) == form(first);
}

/// Told apart by where the weights are on the device, which they do not leave.
const void* packed(const TransformerBlock& block) {
  const TransformerBlockWeights& w = block.weights;
  const std::array<const void*, 12> weights{w.pos_weight, w.pos_bias, w.qkv,      w.proj,
                                            w.fc1,        w.fc2,      w.qkv_bias, w.proj_bias,
                                            w.fc1_bias,   w.fc2_bias, w.qkv_sums, w.fc1_sums};
  return block.kept->made({fmt::format("transformer_block of {}", fmt::join(weights, " ")), {}},
                          packed_transformer_block_bytes(block.c), [&](void* memory) {
                            pack_transformer_block(block.element, block.c, block.weights, memory,
                                                   {});
                          });
}

/// What steps `from` up to `last` did, `last` does.
void merge_infos(Program& program, size_t from, size_t last) {
  StepInfo merged = program.infos[last];
  merged.earlier_nodes.clear();
  merged.sections.clear();
  merged.flops = 0, merged.weight_bytes = 0;
  for (size_t s = from; s <= last; ++s) {
    const StepInfo& info = program.infos[s];
    merged.earlier_nodes.insert(merged.earlier_nodes.end(), info.earlier_nodes.begin(),
                                info.earlier_nodes.end());
    if (s < last) merged.earlier_nodes.push_back(info.node);
    merged.sections.insert(merged.sections.end(), info.sections.begin(), info.sections.end());
    merged.flops += info.flops;
    merged.weight_bytes += info.weight_bytes;
  }
  merged.impl = kId;
  merged.input_bytes = program.infos[from].input_bytes;
  program.infos[last] = std::move(merged);
}

/// Memory behind all else that the arena holds.
void give_scratch(Program& program, size_t step, size_t bytes) {
  StepInfo& info = program.infos[step];
  const size_t offset = aligned_bytes(program.memory.arena);
  program.memory.scratch += bytes - info.scratch_bytes;
  program.memory.arena = offset + bytes;
  info.scratch_bytes = bytes;
  program.sequence[step].scratch = offset;
  std::erase_if(program.buffers, [&](const ArenaBuffer& buffer) {
    return buffer.scratch && buffer.first_step == step;
  });
  program.buffers.push_back({offset, bytes, step, step, info.source, true});
}

}  // namespace

void merge_transformer_blocks(Program& program, size_t step) {
  const std::optional<TransformerBlock> first = block_at(program, step);
  if (!first || first->n != 1) return;
  TransformerBlocksArgs args;
  args.element = first->element;
  args.h = first->h, args.w = first->w, args.c = first->c;
  args.scale = first->scale, args.eps1 = first->eps1, args.eps2 = first->eps2;
  args.blocks = 1;
  if (!transformer_blocks_refusal(args).empty()) return;
  args.blocks = 0;
  size_t end = step;
  for (std::optional<TransformerBlock> block = first;
       block && follows(*block, *first) && args.blocks < TransformerBlocksArgs::kMostBlocks;
       block = block_at(program, end)) {
    args.packed[args.blocks++] = packed(*block);
    end += kParts;
    if (!only_next_reads(program, end - 1)) break;
  }
  const size_t last = end - 1;
  merge_infos(program, step, last);
  program.sequence[last].inputs = {program.sequence[step].inputs[0]};
  program.sequence[last].kernel = std::make_unique<TransformerBlocksKernel>(args);
  std::vector<const char*> ops;
  for (size_t s = step; s < last; ++s) ops.push_back(program.infos[s].op);
  for (size_t s = last; s-- > step;) erase_step(program, s);
  Dispatch& dispatch = dispatch_of(program, step);
  dispatch.chosen = kId;
  dispatch.absorbed = std::move(ops);
  give_scratch(program, step, program.sequence[step].kernel->scratch_bytes());
}

}  // namespace vitro::cuda
