#include "backends/guarded_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace vitro {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr std::byte kFill{0xff};  // four of them are a NaN

}  // namespace

void GuardedBuffer::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, kAlignment);
}

GuardedBuffer::GuardedBuffer(size_t bytes)
    : bytes_(bytes), memory_(new (kAlignment) std::byte[bytes + 2 * kWall]) {
  std::fill_n(memory_.get(), bytes + 2 * kWall, kFill);
}

bool GuardedBuffer::intact() const {
  const auto is_fill = [](std::byte b) { return b == kFill; };
  const std::byte* end = memory_.get() + kWall + bytes_;
  return std::all_of(memory_.get(), memory_.get() + kWall, is_fill) &&
         std::all_of(end, end + kWall, is_fill);
}

GuardedRun::GuardedRun(const Executable& executable, std::span<const Tensor> inputs)
    : executable_(executable), tensors_(inputs), arena_(executable.arena_bytes()) {
  for (const Tensor& tensor : inputs) {
    inputs_.emplace_back(tensor.bytes().size());
    std::ranges::copy(tensor.as<float>(), inputs_.back().floats());
  }
}

std::vector<std::vector<float>> GuardedRun::run() {
  std::vector<GuardedBuffer> outputs;
  std::vector<const std::byte*> sources;
  std::vector<std::byte*> targets;
  for (GuardedBuffer& input : inputs_) sources.push_back(input.data());
  for (const TensorType& type : executable_.outputs()) {
    outputs.emplace_back(static_cast<size_t>(num_elements(type.dims)) * sizeof(float));
    targets.push_back(outputs.back().data());
  }
  ThreadTeam team(executable_.threads());
  executable_.run(sources, targets, arena_.data(), team, nullptr);
  EXPECT_TRUE(arena_.intact()) << "wrote outside of the arena";
  for (size_t i = 0; i < inputs_.size(); ++i) {
    EXPECT_TRUE(inputs_[i].intact()) << "wrote around input " << i;
    EXPECT_EQ(std::memcmp(inputs_[i].data(), tensors_[i].bytes().data(), inputs_[i].size()), 0)
        << "wrote to input " << i;
  }
  std::vector<std::vector<float>> results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(outputs[i].intact()) << "wrote outside of output " << i;
    results.emplace_back(outputs[i].floats(),
                         outputs[i].floats() + outputs[i].size() / sizeof(float));
  }
  return results;
}

std::vector<TensorType> types_of(std::span<const Tensor> tensors) {
  std::vector<TensorType> types;
  for (const Tensor& tensor : tensors) types.push_back({tensor.dtype(), tensor.dims()});
  return types;
}

}  // namespace vitro
