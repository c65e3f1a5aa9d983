#include "export/model_builder.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/checksum.h"
#include "core/convert.h"
#include "formats/onnx_writer.h"

namespace vitro::onnx {
namespace {

template <typename T>
void fill_with(std::span<std::byte> memory, T element) {
  for (size_t at = 0; at < memory.size(); at += sizeof(T))
    std::memcpy(memory.data() + at, &element, sizeof(T));
}

}  // namespace

Constant filled_constant(const Dims& dims, double value, DType dtype) {
  auto [constant, memory] = allocate_constant({dtype, dims});
  const auto narrow = static_cast<float>(value);
  const auto integer = static_cast<int64_t>(value);
  if (dtype == DType::Float64)
    fill_with(memory, value);
  else if (dtype == DType::Float32)
    fill_with(memory, narrow);
  else if (dtype == DType::Float16)
    fill_with(memory, float32_to_float16(narrow));
  else if (dtype == DType::BFloat16)
    fill_with(memory, float32_to_bfloat16(narrow));
  else if (dtype_size(dtype) == 8)
    fill_with(memory, integer);
  else if (dtype_size(dtype) == 4)
    fill_with(memory, static_cast<int32_t>(integer));
  else if (dtype_size(dtype) == 2)
    fill_with(memory, static_cast<int16_t>(integer));
  else
    fill_with(memory, static_cast<int8_t>(integer));
  return constant;
}

Attribute& Attributes::add(Name name, Attribute::Type type) {
  list_.emplace_back();
  list_.back().name = name;
  list_.back().type = type;
  return list_.back();
}
Attributes& Attributes::integer(Name name, int64_t value) {
  add(name, Attribute::kInt).i = value;
  return *this;
}
Attributes& Attributes::number(Name name, float value) {
  add(name, Attribute::kFloat).f = value;
  return *this;
}
Attributes& Attributes::text(Name name, Name value) {
  add(name, Attribute::kString).s = value;
  return *this;
}
Attributes& Attributes::integers(Name name, Ints values) {
  add(name, Attribute::kInts).ints = std::move(values);
  return *this;
}
Attributes& Attributes::tensor(Name name, std::shared_ptr<const Tensor> value) {
  add(name, Attribute::kTensor).tensor = std::move(value);
  return *this;
}
void Attributes::remove(Name name) {
  std::erase_if(list_, [&](const Attribute& attribute) { return attribute.name == name; });
}

/// `wanted`, or with the first number behind it that makes it new.
Name ModelBuilder::new_name(Name wanted, Names& names) {
  std::string name(wanted);
  while (names.taken.contains(name)) {
    int& number = names.numbers[std::string(wanted)];
    number = std::max(number + 1, 2);
    name = fmt::format("{}.{}", wanted, number);
  }
  return *names.taken.insert(keep(name)).first;
}

Name ModelBuilder::keep(std::string text) { return texts_.emplace_back(std::move(text)); }

Name ModelBuilder::unique(Name wanted) { return new_name(wanted, tensors_); }

Tensor ModelBuilder::tensor_of(const Constant& constant) {
  const auto type = element_type_of(constant.type.dtype);
  check(type.has_value(), ErrorCode::Unsupported, "ONNX has no type for {}",
        dtype_name(constant.type.dtype));
  check(constant.storage.empty(), ErrorCode::Internal, "a constant is stored as '{}'",
        constant.storage);
  Tensor tensor;
  tensor.dims = constant.type.dims;
  tensor.type = *type;
  tensor.raw = elements_.emplace_back(constant).bytes;
  return tensor;
}

Name ModelBuilder::constant(const Constant& constant, Name wanted) {
  const std::string key = fmt::format("{}{}{}", dtype_name(constant.type.dtype),
                                      to_string(constant.type.dims), checksum(constant.bytes));
  auto& initializers = model_.graph.initializers;
  for (auto [it, end] = equal_.equal_range(key); it != end; ++it)
    if (std::ranges::equal(*initializers[it->second].raw, constant.bytes))
      return initializers[it->second].name;
  equal_.emplace(key, initializers.size());
  initializers.push_back(tensor_of(constant));
  initializers.back().name = unique(wanted);
  return *constants_.insert(initializers.back().name).first;
}

std::shared_ptr<const Tensor> ModelBuilder::tensor(const Constant& constant) {
  return std::make_shared<Tensor>(tensor_of(constant));
}

void ModelBuilder::node(Name op, std::vector<Name> inputs, std::vector<Name> outputs,
                        Attributes attributes, Name wanted) {
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  Node node;
  node.name = new_name(wanted, nodes_);
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.attributes = std::move(attributes).take();
  model_.graph.nodes.push_back(std::move(node));
}

void ModelBuilder::rename(Name from, Name to) {
  for (Node& node : model_.graph.nodes) {
    std::replace(node.inputs.begin(), node.inputs.end(), from, to);
    std::replace(node.outputs.begin(), node.outputs.end(), from, to);
  }
}

}  // namespace vitro::onnx
