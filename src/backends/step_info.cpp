#include "backends/step_info.h"

#include <algorithm>

#include "backends/rounded_product.h"
#include "ir/codes.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

/// Matrices are stored as products read them, unless the plan holds them in less.
size_t operand_bytes(const ChosenKernels& chosen, const Node& node, size_t operand,
                     Precision precision) {
  const ValueId id = node.inputs[operand];
  const auto& constant = chosen.graph.value(id).constant;
  if (!constant) return chosen.value_bytes(id);
  const size_t given = constant->bytes.size();
  return is_matrix_operand(node.kind, operand)
             ? std::min(given, stored_bytes(chosen.type(id), precision))
             : given;
}

bool is_code_weight(const ChosenKernels& chosen, const Node& node, size_t operand) {
  return is_matrix_operand(node.kind, operand) && node.has_input(operand) &&
         is_code(chosen.type(node.inputs[operand]).dtype);
}

SectionInfo section_info(const ChosenKernels& chosen, const Node& node, const Section& section,
                         Precision precision) {
  constexpr std::string_view kWeight = ".weight";
  SectionInfo info{"", op_name(node),   section.name, section.flops,
                   0,  section.product, false,        false};
  for (size_t operand : section.operands) {
    if (!node.has_input(operand)) continue;
    const ValueId id = node.inputs[operand];
    info.bytes += operand_bytes(chosen, node, operand, precision);
    info.quantized |= is_code_weight(chosen, node, operand);
    const std::string& name = chosen.graph.value(id).name;
    if (info.source.empty() && chosen.graph.is_constant(id) && name.ends_with(kWeight))
      info.source = name.substr(0, name.size() - kWeight.size());
  }
  if (info.source.empty()) info.source = node.source + "." + section.name;
  return info;
}

}  // namespace

size_t stored_bytes(const TensorType& type, Precision precision) {
  const bool half = precision == Precision::Float16 || precision == Precision::BFloat16;
  const size_t element = half && type.dtype == DType::Float32 ? 2 : dtype_size(type.dtype);
  return static_cast<size_t>(num_elements(type.dims)) * element;
}

StepInfo step_info(const ChosenKernels& chosen, size_t index, const Kernel& kernel,
                   Precision precision) {
  const Node& node = chosen.graph.nodes[index];
  const auto first = std::find_if(node.outputs.begin(), node.outputs.end(),
                                  [](ValueId id) { return id != kAbsent; });
  const TensorType& output = chosen.type(*first);
  StepInfo info{.node = chosen.origins[index],
                .earlier_nodes = chosen.choices[index].earlier_origins,
                .source = node.source,
                .op = op_name(node),
                .impl = chosen.choices[index].impl,
                .output = output,
                .stored = chosen.stored[static_cast<size_t>(*first)],
                .flops = 0,
                .weight_bytes = 0,
                .input_bytes = 0,
                .output_bytes = 0,
                .scratch_bytes = kernel.scratch_bytes(),
                .sections = {}};
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (const ValueId id = node.inputs[i]; id != kAbsent)
      (chosen.graph.is_constant(id) ? info.weight_bytes : info.input_bytes) +=
          operand_bytes(chosen, node, i, precision);
  for (ValueId id : node.outputs)
    if (id != kAbsent) info.output_bytes += chosen.value_bytes(id);
  info.flops = op_info(node.kind).flops(node, operands_of(node, chosen.types), output) +
               chosen.choices[index].absorbed_flops;
  for (const Section& section : kernel.sections())
    info.sections.push_back(section_info(chosen, node, section, precision));
  if (info.sections.empty()) {
    // A fused op that tells no phases apart is the products that it is made of.
    const bool product = op_info(node.kind).has(Product) || !op_info(node.kind).matrices.empty();
    const bool layout = op_info(node.kind).has(Moves);
    const bool rounded = dynamic_cast<const RoundedProduct*>(&kernel) != nullptr;
    const size_t bytes = info.weight_bytes + info.input_bytes;
    info.sections.push_back({node.source, info.op, "", info.flops, bytes, product, layout,
                             product && !rounded && is_code_weight(chosen, node, 1)});
  }
  info.sections.back().bytes += info.output_bytes;
  return info;
}

}  // namespace vitro
