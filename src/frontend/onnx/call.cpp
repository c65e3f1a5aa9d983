#include "frontend/onnx/call.h"

#include <cstring>
#include <numeric>

#include "core/convert.h"

namespace vitro::onnx {
namespace {

/// Plans bound attributes; nothing in a model is as long as this.
constexpr int64_t kMostInt = int64_t{1} << 40;

template <typename T>
void read_as(const Constant& constant, Ints& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    T element;
    std::memcpy(&element, constant.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<int64_t>(element);
  }
}

std::optional<Ints> integers_in(const Constant& constant) {
  Ints values(static_cast<size_t>(num_elements(constant.type.dims)));
  switch (constant.type.dtype) {
    case DType::Int64:
      read_as<int64_t>(constant, values);
      break;
    case DType::Int32:
      read_as<int32_t>(constant, values);
      break;
    case DType::UInt8:
    case DType::Bool:
      read_as<uint8_t>(constant, values);
      break;
    default:
      return std::nullopt;
  }
  for (int64_t& value : values) value = std::clamp(value, -kMostInt, kMostInt);
  return values;
}

}  // namespace

void Call::unsupported(const std::string& reason) const {
  throw Error(ErrorCode::Unsupported, reason);
}

void Call::invalid(const std::string& reason) const {
  fail(ErrorCode::InvalidArgument, "{} '{}': {}", clean(node_.op), source_, reason);
}

Entry& Call::entry(size_t i) {
  if (!has(i)) invalid(fmt::format("input {} is not given", i));
  Entry* entry = scope_.find(node_.inputs[i]);
  if (!entry)
    fail(ErrorCode::CorruptFile,
         "{} '{}': no node before it makes its input '{}', nor is it an input of the model",
         clean(node_.op), source_, clean(node_.inputs[i]));
  return *entry;
}

ValueId Call::in(size_t i) { return importer_.value(entry(i), source_); }

// An initialiser is no value before somebody needs its elements as they are.
const Dims& Call::dims(size_t i) {
  const Entry& found = entry(i);
  return found.id == kAbsent ? found.tensor->dims : builder().dims(found.id);
}

DType Call::dtype(size_t i) {
  const Entry& found = entry(i);
  const auto dtype = found.id == kAbsent ? dtype_of(found.tensor->type) : std::nullopt;
  return dtype ? *dtype : dtype_of_value(in(i));
}

bool Call::is_known(size_t i) {
  const Entry& found = entry(i);
  return found.id == kAbsent || builder().value(found.id).constant.has_value();
}

std::optional<Constant> Call::known(size_t i) {
  return has(i) ? importer_.known(entry(i), source_) : std::nullopt;
}

bool Call::is_fixed(size_t i, size_t axis) {
  const Entry& operand = entry(i);
  return operand.id == kAbsent || importer_.is_fixed(operand.id, axis);
}

bool Call::is_fixed(size_t i) {
  for (size_t axis = 0; axis < dims(i).size(); ++axis)
    if (!is_fixed(i, axis)) return false;
  return true;
}

std::optional<Ints> Call::known_ints(size_t i) {
  const auto constant = known(i);
  return constant ? integers_in(*constant) : std::nullopt;
}

std::optional<Ints> Call::known_ints_of(ValueId id) {
  const auto& constant = builder().value(id).constant;
  return constant ? integers_in(*constant) : std::nullopt;
}

Ints Call::ints(size_t i, const char* what) {
  auto values = known_ints(i);
  if (!values) unsupported(fmt::format("{} (input {}) are computed from data", what, i));
  return *values;
}

std::vector<double> Call::numbers(size_t i, const char* what) {
  const auto constant = known(i);
  if (!constant) unsupported(fmt::format("{} (input {}) are computed from data", what, i));
  if (const auto values = integers_in(*constant)) return {values->begin(), values->end()};
  std::vector<double> result(static_cast<size_t>(num_elements(constant->type.dims)));
  if (constant->type.dtype == DType::Float64) {
    if (!result.empty()) std::memcpy(result.data(), constant->bytes.data(), constant->bytes.size());
    return result;
  }
  std::vector<float> floats(result.size());
  to_float32(constant->type.dtype, constant->bytes, floats.data());
  return {floats.begin(), floats.end()};
}

ValueId Call::permuted(size_t i, const Ints& perm) {
  return importer_.permuted(entry(i), perm, source_);
}

const Attribute* Call::find(const char* name) {
  const Attribute* found = nullptr;
  for (size_t i = 0; i < node_.attributes.size(); ++i) {
    if (node_.attributes[i].name != name) continue;
    if (found) invalid(fmt::format("attribute '{}' is there twice", name));
    asked_[i] = true;
    found = &node_.attributes[i];
  }
  if (!found || found->reference.empty()) return found;
  for (const Scope* scope = &scope_; scope; scope = scope->parent) {
    const auto given = scope->function_attributes.find(found->reference);
    if (given != scope->function_attributes.end()) return given->second;
  }
  return nullptr;
}

const Attribute* Call::typed(const char* name, int type, const char* type_name) {
  const Attribute* attribute = find(name);
  if (attribute && attribute->type != 0 && attribute->type != type)
    invalid(
        fmt::format("attribute '{}' is of type {}, expected {}", name, attribute->type, type_name));
  return attribute;
}

int64_t Call::integer(const char* name, int64_t usual) {
  const Attribute* attribute = typed(name, Attribute::kInt, "an integer");
  return attribute ? std::clamp(attribute->i, -kMostInt, kMostInt) : usual;
}

int64_t Call::integer(const char* name) {
  if (!has_attribute(name)) invalid(fmt::format("attribute '{}' is missing", name));
  return integer(name, 0);
}

float Call::number(const char* name, float usual) {
  const Attribute* attribute = typed(name, Attribute::kFloat, "a float");
  return attribute ? attribute->f : usual;
}

std::string Call::text(const char* name, const char* usual) {
  const Attribute* attribute = typed(name, Attribute::kString, "a string");
  return attribute ? clean(attribute->s) : usual;
}

std::optional<Ints> Call::integers(const char* name) {
  const Attribute* attribute = typed(name, Attribute::kInts, "a list of integers");
  if (!attribute) return std::nullopt;
  Ints values = attribute->ints;
  for (int64_t& value : values) value = std::clamp(value, -kMostInt, kMostInt);
  return values;
}

std::optional<std::vector<float>> Call::floats(const char* name) {
  const Attribute* attribute = typed(name, Attribute::kFloats, "a list of floats");
  if (!attribute) return std::nullopt;
  return attribute->floats;
}

const Tensor* Call::tensor(const char* name) {
  const Attribute* attribute = typed(name, Attribute::kTensor, "a tensor");
  if (attribute && !attribute->tensor) invalid(fmt::format("attribute '{}' has no tensor", name));
  return attribute ? attribute->tensor.get() : nullptr;
}

const Graph* Call::graph(const char* name) {
  const Attribute* attribute = typed(name, Attribute::kGraph, "a graph");
  if (!attribute || !attribute->graph) invalid(fmt::format("attribute '{}' has no graph", name));
  return attribute->graph.get();
}

void Call::expect_all_asked() const {
  for (size_t i = 0; i < asked_.size(); ++i)
    if (!asked_[i])
      unsupported(fmt::format("attribute '{}' is not known in opset {}",
                              clean(node_.attributes[i].name), opset_));
}

ValueId Call::cast(ValueId x, DType dtype) {
  if (dtype_of_value(x) == dtype) return x;
  return op(OpKind::Cast, CastAttrs{dtype}, {x});
}

ValueId Call::transpose(ValueId x, Ints perm) {
  bool moves = false;
  for (size_t i = 0; i < perm.size(); ++i) moves = moves || perm[i] != static_cast<int64_t>(i);
  return moves ? op(OpKind::Transpose, TransposeAttrs{std::move(perm)}, {x}) : x;
}

ValueId Call::channels_last(ValueId x) {
  Ints perm(dims_of(x).size());
  std::iota(perm.begin(), perm.end(), 0);
  if (perm.size() > 2) std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  return transpose(x, perm);
}

ValueId Call::channels_first(ValueId x) {
  Ints perm(dims_of(x).size());
  std::iota(perm.begin(), perm.end(), 0);
  if (perm.size() > 2) std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
  return transpose(x, perm);
}

ValueId Call::scalar(double value, DType dtype) {
  const auto narrow = static_cast<float>(value);
  const ValueId id = importer_.constant(source_ + ".scalar", make_constant({}, {&narrow, 1}));
  return dtype == DType::Float32 ? id : op(OpKind::Cast, CastAttrs{dtype}, {id});
}

ValueId Call::integers_of(const Ints& values) {
  return importer_.constant(source_ + ".list", make_constant({static_cast<int64_t>(values.size())},
                                                             std::span<const int64_t>(values)));
}

int64_t Call::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    invalid(fmt::format("axis {} of an operand of rank {}", axis, rank));
  return axis < 0 ? axis + rank : axis;
}

}  // namespace vitro::onnx
