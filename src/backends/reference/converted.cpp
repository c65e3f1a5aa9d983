#include <array>

#include "backends/reference/elements.h"
#include "backends/reference/ops.h"
#include "core/check.h"
#include "ir/op_info.h"

namespace vitro::reference {
namespace {

constexpr size_t kMostOperands = 8;  // of the ops that compute in float32

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// An operand or the result in another type, and its place in scratch as float32.
struct Conversion {
  size_t index;
  DType dtype;
  int64_t count;
  size_t offset;

  float* place(const KernelArgs& args) const {
    return reinterpret_cast<float*>(args.scratch + offset);
  }
};

class ConvertedKernel final : public Kernel {
 public:
  ConvertedKernel(std::unique_ptr<Kernel> kernel, const OpContext& op)
      : kernel_(std::move(kernel)), bytes_(aligned(kernel_->scratch_bytes())) {
    check(op.num_inputs() <= kMostOperands, ErrorCode::Internal, "'{}' has {} operands",
          op.node.source, op.num_inputs());
    for (size_t i = 0; i < op.num_inputs(); ++i)
      if (is_converted(op, i)) operands_.push_back(reserve(i, op.input(i)));
    if (op.output().dtype != DType::Float32) results_.push_back(reserve(0, op.output()));
  }

  /// A matrix that is a constant is unpacked by the kernel itself.
  static bool is_converted(const OpContext& op, size_t i) {
    return op.has_input(i) && op.input(i).dtype != DType::Float32 &&
           !(op.constant(i) && is_matrix_operand(op.node.kind, i));
  }
  bool is_needed() const { return !operands_.empty() || !results_.empty(); }
  std::unique_ptr<Kernel> release() { return std::move(kernel_); }

  size_t scratch_bytes() const override { return bytes_; }

  void run(const KernelArgs& args) const override {
    std::array<const std::byte*, kMostOperands> inputs;
    std::copy(args.inputs.begin(), args.inputs.end(), inputs.begin());
    for (const Conversion& operand : operands_) {
      float* dst = operand.place(args);
      parallel_for(operand.count, team_of(args), [&](int64_t i) {
        dst[i] = load<float>(operand.dtype, args.inputs[operand.index], i);
      });
      inputs[operand.index] = reinterpret_cast<const std::byte*>(dst);
    }
    std::array<std::byte*, 1> outputs{args.outputs[0]};
    for (const Conversion& result : results_)
      outputs[0] = reinterpret_cast<std::byte*>(result.place(args));
    KernelArgs inner = args;
    inner.inputs = {inputs.data(), args.inputs.size()};
    inner.outputs = outputs;
    kernel_->run(inner);
    for (const Conversion& result : results_)
      parallel_for(result.count, team_of(args), [&](int64_t i) {
        store<float>(result.dtype, args.outputs[0], i, result.place(args)[i]);
      });
  }

 private:
  Conversion reserve(size_t index, const TensorType& type) {
    const int64_t count = num_elements(type.dims);
    const size_t offset = bytes_;
    bytes_ += aligned(static_cast<size_t>(count) * sizeof(float));
    return {index, type.dtype, count, offset};
  }

  std::unique_ptr<Kernel> kernel_;
  size_t bytes_;
  std::vector<Conversion> operands_, results_;
};

}  // namespace

std::unique_ptr<Kernel> converted(std::unique_ptr<Kernel> kernel, const OpContext& op) {
  auto wrapped = std::make_unique<ConvertedKernel>(std::move(kernel), op);
  if (wrapped->is_needed()) return wrapped;
  return wrapped->release();
}

}  // namespace vitro::reference
