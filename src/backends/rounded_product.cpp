#include "backends/rounded_product.h"

#include <fmt/core.h>

#include <array>
#include <cmath>

#include "backends/float_products.h"
#include "core/check.h"
#include "ir/infer.h"

namespace vitro {
namespace {

constexpr size_t kFactor = 4, kOffset = 5;  // behind the scale of the weight
// Behind x, weight and bias of a product of floats, and of one in 8 bits.
constexpr size_t kResidual = 3, kOwnResidual = kResidual + kQuantizationOperands;

/// x, weight, bias -> linear or conv.
Graph product_of_floats(const OpContext& op, const FloatOperands& operands) {
  Graph graph;
  graph.values = {{"x", op.input(0), {}},
                  {"weight", operands.weight.type, operands.weight},
                  {"bias", operands.bias.type, operands.bias},
                  {"y", op.output(), {}}};
  Node node = op.node;
  node.kind = op.node.kind == OpKind::QuantizedConv ? OpKind::Conv : OpKind::Linear;
  node.inputs = {0, 1, 2};
  node.outputs = {3};
  graph.nodes.push_back(std::move(node));
  return graph;
}

const Impl& first_willing(std::span<const Impl> impls, const OpContext& op) {
  std::string reasons;
  for (const Impl& impl : impls) {
    const auto refusal = impl.can_run(op);
    if (!refusal) return impl;
    reasons += fmt::format(" {}: {}", impl.id, refusal->reason);
  }
  fail(ErrorCode::Internal, "'{}': no product of floats for one of 8-bit floats:{}", op.node.source,
       reasons);
}

}  // namespace

std::optional<Refusal> needs_float8(const OpContext& op) {
  if (const DType dtype = op.input(1).dtype; dtype != DType::Float8E4M3)
    return Refusal{fmt::format("its weight is {}", dtype_name(dtype))};
  for (size_t i = 1; i < kOwnResidual; ++i)
    if (!op.constant(i)) return Refusal{fmt::format("operand {} is computed, not a weight", i)};
  for (float offset : op.constant(kOffset)->floats())
    if (offset != 0) return Refusal{fmt::format("an offset is {}, not 0", offset)};
  return std::nullopt;
}

Float8Rounding float8_rounding(const OpContext& op) {
  op.take(kOffset);
  const auto factor = op.take(kFactor).floats();
  return {{factor.begin(), factor.end()}, float8_steps(factor)};
}

RoundedProduct::RoundedProduct(const OpContext& op, std::span<const Impl> impls,
                               Precision precision, size_t rounded_bytes, Round round)
    : round_(std::move(round)), rounded_bytes_(aligned_bytes(rounded_bytes)) {
  const FloatOperands operands = rounded_operands(op.cache, op.graph, op.node);
  weight_ = operands.weight;
  bias_ = operands.bias;
  for (size_t i : {1, 2, 3}) op.take(i);
  const Graph graph = product_of_floats(op, operands);
  std::vector<TensorType> types;
  for (const Value& value : graph.values) types.push_back(value.type);
  const OpContext product{.graph = graph,
                          .node = graph.nodes[0],
                          .types = types,
                          .threads = op.threads,
                          .cache = op.cache,
                          .precision = precision,
                          .device = op.device,
                          .tactics = op.tactics};
  const Impl& impl = first_willing(impls, product);
  product.taken.assign(graph.nodes[0].inputs.size(), false);
  product_ = impl.make(product);
  if (!product.taken[1]) weight_data_ = weight_.bytes.data();
  if (!product.taken[2]) bias_data_ = bias_.bytes.data();
}

int RoundedProduct::in_place_operand() const {
  return product_->in_place_operand() == int{kResidual} ? int{kOwnResidual} : -1;
}

void RoundedProduct::run(const KernelArgs& args) const {
  round_(args, args.scratch);
  const std::byte* residual = args.in<std::byte>(kOwnResidual);
  const std::array<const std::byte*, kResidual + 1> inputs{args.scratch, weight_data_, bias_data_,
                                                           residual};
  KernelArgs product = args;
  product.inputs = inputs;
  product.scratch = args.scratch + rounded_bytes_;
  product_->run(product);
}

}  // namespace vitro
