#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"

namespace vitro {

/// A buffer between two walls of known bytes; floats start 64-byte aligned and are NaN at first.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes);
  std::byte* data() { return memory_.get() + kWall; }
  float* floats() { return reinterpret_cast<float*>(data()); }
  size_t size() const { return bytes_; }
  /// True when nothing was written outside of the buffer.
  bool intact() const;

 private:
  static constexpr size_t kWall = 256;
  struct Free {
    void operator()(std::byte* memory) const;
  };
  size_t bytes_;
  std::unique_ptr<std::byte[], Free> memory_;
};

/// Whether the backend computes in that precision on this machine.
bool has_precision(const Backend& backend, Precision precision);

/// What the backend makes of a graph for inputs of these types; without a cache that lasts.
std::unique_ptr<Executable> compile_for(const Backend& backend, const Graph& graph,
                                        std::span<const Tensor> inputs, int threads = 1,
                                        const TacticTable* tactics = nullptr,
                                        Precision precision = Precision::Default);

/// Runs an executable among guard bytes: the workspace and the outputs start as NaN, the inputs end
/// where their elements end, and whatever lies around them is NaN too.
class GuardedRun {
 public:
  GuardedRun(const Backend& backend, const Executable& executable, std::span<const Tensor> inputs);
  /// Runs once more in the same workspace, as the run before left it. Records a test failure when
  /// bytes outside of the workspace and the outputs, or bytes of the inputs, were changed.
  std::vector<std::vector<float>> run();

 private:
  const Executable& executable_;
  std::span<const Tensor> tensors_;
  std::vector<GuardedBuffer> inputs_;
  GuardedBuffer workspace_;
  std::unique_ptr<Lane> lane_;
  std::unique_ptr<Context> context_;
};

/// Types of the tensors, as compile() wants them.
std::vector<TensorType> types_of(std::span<const Tensor> tensors);

}  // namespace vitro
