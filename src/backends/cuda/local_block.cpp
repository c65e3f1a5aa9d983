#include "backends/cuda/local_block.h"

#include <string_view>
#include <utility>

#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/impls.h"
#include "backends/cuda/kernels/local_block.h"
#include "backends/cuda/local_mixer.h"
#include "backends/cuda/merge_steps.h"

namespace vitro::cuda {
namespace {

constexpr const char* kId = "cuda:local_block";

class LocalBlock final : public Kernel {
 public:
  LocalBlock(const LocalBlockArgs& args, LocalBlockTile tile) : args_(args), tile_(tile) {}
  std::string choices() const override {
    return tile_ == LocalBlockTile::Small ? "small" : "medium";
  }
  void run(const KernelArgs& args) const override {
    LocalBlockArgs block_args = args_;
    block_args.mixer.x = args.inputs[0];
    block_args.mlp.y = args.outputs[0];
    local_block(block_args, tile_, launch_of(args));
  }

 private:
  LocalBlockArgs args_;
  LocalBlockTile tile_;
};

}  // namespace

void merge_local_block(Program& program, size_t step) {
  if (step + 1 >= program.sequence.size() ||
      std::string_view(program.infos[step].impl) != kLocalMixerFused.id)
    return;
  Step &first = program.sequence[step], &second = program.sequence[step + 1];
  const auto* mlp = dynamic_cast<const ComputesMlp*>(second.kernel.get());
  if (!mlp || !same_place(first.outputs[0], second.inputs[0]) ||
      !same_place(first.outputs[0], second.outputs[0]) || !only_next_reads(program, step))
    return;
  const LocalBlockArgs args{static_cast<const LocalMixerFused&>(*first.kernel).args(),
                            mlp->mlp_args()};
  if (!prefers_local_block(args, multiprocessors(), compute_capability())) return;
  first.kernel = std::make_unique<LocalBlock>(args, local_block_tile(args));
  StepInfo& info = program.infos[step];
  const StepInfo& merged = program.infos[step + 1];
  info.impl = kId;
  info.earlier_nodes.push_back(std::exchange(info.node, merged.node));
  info.flops += merged.flops;
  info.weight_bytes += merged.weight_bytes;
  info.sections[0].flops += merged.flops;
  info.sections[0].bytes += merged.weight_bytes;
  Dispatch& dispatch = dispatch_of(program, step);
  dispatch.chosen = kId;
  dispatch.absorbed.push_back(merged.op);
  erase_step(program, step + 1);
}

}  // namespace vitro::cuda
