#include "backends/guarded_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "backends/host_lane.h"
#include "vitro/error.h"

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

GuardedRun::GuardedRun(const Backend& backend, const Executable& executable,
                       std::span<const Tensor> inputs)
    : executable_(executable),
      tensors_(inputs),
      workspace_(executable.memory().arena),
      lane_(backend.make_lane({executable.threads()})) {
  for (const Tensor& tensor : inputs) {
    inputs_.emplace_back(tensor.bytes().size());
    std::ranges::copy(tensor.as<float>(), inputs_.back().floats());
  }
  if (auto* host = dynamic_cast<HostLane*>(lane_.get()))
    host->borrow({workspace_.data(), workspace_.size()});
  context_ = executable.on(*lane_);
}

std::vector<std::vector<float>> GuardedRun::run() {
  std::vector<GuardedBuffer> outputs;
  std::vector<TensorView> sources, targets;
  for (size_t i = 0; i < inputs_.size(); ++i)
    sources.push_back({inputs_[i].data(), DType::Float32, tensors_[i].dims(), {}});
  for (const TensorType& type : executable_.outputs()) {
    outputs.emplace_back(static_cast<size_t>(num_elements(type.dims)) * sizeof(float));
    targets.push_back({outputs.back().data(), type.dtype, type.dims, {}});
  }
  context_->run(sources, targets, nullptr);
  EXPECT_TRUE(workspace_.intact()) << "wrote outside of the workspace";
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

bool has_precision(const Backend& backend, Precision precision) {
  try {
    backend.precision(precision);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported) << error.what();
    return false;
  }
}

std::unique_ptr<Executable> compile_for(const Backend& backend, const Graph& graph,
                                        std::span<const Tensor> inputs, int threads,
                                        const TacticTable* tactics, Precision precision) {
  const auto forms = backend.packed_forms();
  PlanCache cache({forms.begin(), forms.end()});
  const std::vector<TensorType> types = types_of(inputs);
  return backend.compile({graph, types, cache, threads, tactics, precision});
}

std::vector<TensorType> types_of(std::span<const Tensor> tensors) {
  std::vector<TensorType> types;
  for (const Tensor& tensor : tensors) types.push_back({tensor.dtype(), tensor.dims()});
  return types;
}

}  // namespace vitro
