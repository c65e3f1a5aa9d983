#include "frontend/onnx/importer.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/checksum.h"
#include "frontend/onnx/call.h"
#include "frontend/onnx/table.h"
#include "ir/infer.h"
#include "ir/op_info.h"

namespace vitro::onnx {
namespace {

constexpr size_t kMaxNodes = 1 << 20;
constexpr int kMaxDepth = 64;               // of functions and graphs that call each other
constexpr int64_t kFreeElements = 1 << 14;  // results this small are always evaluated

int64_t opset_of(const Scope& scope, std::string_view domain) {
  const bool is_onnx = domain.empty() || domain == "ai.onnx";
  for (const Opset& opset : *scope.opsets)
    if (opset.domain == domain || (is_onnx && (opset.domain.empty() || opset.domain == "ai.onnx")))
      return opset.version;
  return 0;
}

std::string op_text(const Node& node) {
  return node.domain.empty() || node.domain == "ai.onnx"
             ? clean(node.op)
             : clean(node.domain) + "." + clean(node.op);
}

}  // namespace

Entry* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->parent) {
    const auto found = scope->entries.find(name);
    if (found != scope->entries.end()) return const_cast<Entry*>(&found->second);
  }
  return nullptr;
}

std::string Importer::unique(std::string_view name) {
  std::string result = clean(name);
  for (int i = 2; !names_.insert(result).second; ++i) result = fmt::format("{}.{}", clean(name), i);
  return result;
}

/// Arithmetic on extents that are fixed.
std::optional<ValueId> Importer::fixed_integers(const std::vector<ValueId>& results) {
  if (results.size() != 1) return std::nullopt;
  const Value& value = builder_.value(results[0]);
  const DType dtype = value.type.dtype;
  if (dtype != DType::Int64 && dtype != DType::Int32 && dtype != DType::Bool) return std::nullopt;
  const Contents known = open_->fixed_contents(builder_, results[0]);
  if (!known) return std::nullopt;
  return constant(value.name,
                  make_constant(value.type.dims, std::span<const int64_t>(*known), dtype));
}

ValueId Importer::constant(std::string_view name, Constant constant) {
  return builder_.constant(unique(name), std::move(constant));
}

std::vector<ValueId> Importer::ops(OpKind kind, Attrs attrs, std::vector<ValueId> inputs,
                                   size_t num_outputs, const std::string& source) {
  if (!inputs.empty() && inputs[0] != kAbsent) {
    const DType dtype = builder_.value(inputs[0]).type.dtype;
    check((op_info(kind).dtypes.allowed >> static_cast<unsigned>(dtype) & 1) != 0,
          ErrorCode::Unsupported, "of {}", dtype_name(dtype));
  }
  const std::vector<ValueId> results =
      builder_.ops(kind, std::move(attrs), inputs, num_outputs, source);
  open_->add_last(builder_.graph());
  if (const auto known = fixed_integers(results)) return {*known};
  // Results that would swell the plan are left to be made when the model runs.
  int64_t given = kFreeElements, made = 0;
  for (const ValueId id : inputs) {
    if (id == kAbsent) continue;
    if (!builder_.value(id).constant) return results;
    given += num_elements(builder_.value(id).type.dims);
  }
  for (const ValueId id : results) made += num_elements(builder_.value(id).type.dims);
  const int64_t swelling = std::max<int64_t>(0, made - given);
  if (!evaluate_ || kind == OpKind::Foreign || swelling > swelling_left_) return results;
  swelling_left_ -= swelling;

  const std::vector<Constant> values = evaluate_(builder_.last_node_alone());
  std::vector<ValueId> constants;
  for (size_t i = 0; i < values.size(); ++i)
    constants.push_back(constant(builder_.value(results[i]).name, values[i]));
  return constants;
}

Constant Importer::elements(const Tensor& tensor, const std::string& source) {
  std::vector<std::byte> storage;
  const std::span<const std::byte> bytes = data_.elements(tensor, storage);
  auto [constant, memory] = allocate_constant({*dtype_of(tensor.type), tensor.dims});
  if (!bytes.empty()) std::memcpy(memory.data(), bytes.data(), bytes.size());
  if (!tensor.name.empty() && recorded_.insert(&tensor).second)
    ledger_.push_back(
        {clean(tensor.name), tensor.dims, constant.type.dtype, source, checksum(bytes)});
  data_.drop_pages(bytes);
  return constant;
}

ValueId Importer::value(Entry& entry, const std::string& source) {
  if (entry.id == kAbsent) entry.id = constant(entry.tensor->name, elements(*entry.tensor, source));
  return entry.id;
}

std::optional<Constant> Importer::known(const Entry& entry, const std::string& source) {
  if (entry.id == kAbsent) return elements(*entry.tensor, source);
  return builder_.value(entry.id).constant;
}

ValueId Importer::permuted(Entry& entry, const Ints& perm, const std::string& source) {
  const auto constant_of = known(entry, source);
  if (!constant_of || constant_of->type.dims.size() != perm.size())
    return ops(OpKind::Transpose, TransposeAttrs{perm}, {value(entry, source)}, 1, source)[0];
  if (!entry.tensor) return constant(source, vitro::permuted(*constant_of, perm));
  const auto key = std::pair(entry.tensor, perm);
  const auto made = permuted_.find(key);
  if (made != permuted_.end()) return made->second;
  return permuted_[key] = constant(entry.tensor->name, vitro::permuted(*constant_of, perm));
}

void Importer::add_initializers(const Graph& graph, Scope& scope) {
  if (!graph.sparse_initializers.empty())
    fail(ErrorCode::Unsupported, "initialiser '{}' is sparse, expected dense elements",
         clean(graph.sparse_initializers[0]));
  for (const Tensor& tensor : graph.initializers)
    check(scope.entries.emplace(tensor.name, Entry{kAbsent, &tensor, false}).second,
          ErrorCode::CorruptFile, "two initialisers are named '{}'", clean(tensor.name));
}

const Function* Importer::find_function(const Node& node) const {
  for (const Function& function : model_.functions)
    if (function.name == node.op && function.domain == node.domain &&
        function.overload == node.overload)
      return &function;
  return nullptr;
}

bool Importer::has_missing_input(const Node& node, const Scope& scope) const {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](std::string_view name) {
    const Entry* entry = name.empty() ? nullptr : scope.find(name);
    return entry && entry->is_missing;
  });
}

void Importer::bind(const Node& node, const std::vector<ValueId>& results, Scope& scope,
                    const std::string& source) {
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const bool is_made = i < results.size() && results[i] != kAbsent;
    check(is_made || results.empty(), ErrorCode::Unsupported,
          "{} '{}': output {} '{}' is not supported", op_text(node), source, i,
          clean(node.outputs[i]));
    const Entry entry{is_made ? results[i] : kAbsent, nullptr, !is_made};
    check(scope.entries.emplace(node.outputs[i], entry).second, ErrorCode::CorruptFile,
          "{} '{}': its result '{}' has the name of another value", op_text(node), source,
          clean(node.outputs[i]));
  }
}

void Importer::import_node(const Node& node, Scope& scope, const std::string& source) {
  if (const Function* function = find_function(node)) {
    bind(node, call_function(*function, node, scope, source), scope, source);
    return;
  }
  const int64_t opset = opset_of(scope, node.domain);
  const TableLookup found = find_importer(node.domain, node.op, opset);
  if (!found.function) throw Error(ErrorCode::Unsupported, found.reason);
  Call call(*this, node, scope, source, opset);
  const Results results = found.function(call);
  call.expect_all_asked();
  bind(node, results, scope, source);
}

/// Whether the table has a node whose operands are not there to import it with.
void Importer::note_missing(const Node& node, const Scope& scope, const std::string& source) {
  if (find_function(node)) return;
  const TableLookup found = find_importer(node.domain, node.op, opset_of(scope, node.domain));
  if (!found.function) unsupported_.push_back({op_text(node), source, found.reason});
}

void Importer::import_nodes(const std::vector<Node>& nodes, Scope& scope) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    check(++num_nodes_ <= kMaxNodes, ErrorCode::OutOfMemory, "the model has more than {} nodes",
          kMaxNodes);
    const std::string source =
        scope.prefix +
        (node.name.empty() ? fmt::format("{}_{}", clean(node.op), i) : clean(node.name));
    if (!find_function(node)) ++counts_[op_text(node)];
    if (has_missing_input(node, scope)) {
      note_missing(node, scope, source);
      bind(node, {}, scope, source);
      continue;
    }
    try {
      import_node(node, scope, source);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Unsupported) throw;
      unsupported_.push_back({op_text(node), source, error.what()});
      bind(node, {}, scope, source);
    }
  }
}

namespace {

/// Functions and graphs may call each other; a cycle ends here.
class Depth {
 public:
  Depth(int& depth, const std::string& source) : depth_(depth) {
    check(++depth_ <= kMaxDepth, ErrorCode::InvalidArgument,
          "'{}': functions and graphs are nested more than {} deep", source, kMaxDepth);
  }
  ~Depth() { --depth_; }

 private:
  int& depth_;
};

}  // namespace

std::vector<ValueId> Importer::call_function(const Function& function, const Node& node,
                                             Scope& scope, const std::string& source) {
  const Depth nested(depth_, source);
  Scope inner;
  inner.opsets = function.opsets.empty() ? scope.opsets : &function.opsets;
  inner.prefix = source + "/";
  for (const Attribute& attribute : function.defaults)
    inner.function_attributes[attribute.name] = &attribute;
  for (const Attribute& attribute : node.attributes)
    inner.function_attributes[attribute.name] = &attribute;
  check(node.inputs.size() <= function.inputs.size() &&
            node.outputs.size() <= function.outputs.size(),
        ErrorCode::CorruptFile, "{} '{}': {} inputs and {} outputs, its function has {} and {}",
        op_text(node), source, node.inputs.size(), node.outputs.size(), function.inputs.size(),
        function.outputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i].empty()) continue;
    const Entry* entry = scope.find(node.inputs[i]);
    check(entry != nullptr, ErrorCode::CorruptFile, "{} '{}': input '{}' comes from nowhere",
          op_text(node), source, clean(node.inputs[i]));
    inner.entries.emplace(function.inputs[i], *entry);
  }
  import_nodes(function.nodes, inner);
  std::vector<ValueId> results;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    Entry* entry = inner.find(function.outputs[i]);
    check(entry != nullptr, ErrorCode::CorruptFile, "{} '{}': its function makes no '{}'",
          op_text(node), source, clean(function.outputs[i]));
    if (entry->is_missing) return {};
    results.push_back(value(*entry, source));
  }
  return results;
}

std::vector<ValueId> Importer::inlined(const Graph& graph, const Scope& around,
                                       const std::string& source,
                                       const std::vector<ValueId>& inputs) {
  const Depth nested(depth_, source);
  Scope scope;
  scope.parent = &around;
  scope.opsets = around.opsets;
  scope.prefix = source + "/";
  for (size_t i = 0; i < inputs.size(); ++i)
    scope.entries.emplace(graph.inputs.at(i).name, Entry{inputs[i], nullptr, false});
  add_initializers(graph, scope);
  import_nodes(graph.nodes, scope);
  std::vector<ValueId> results;
  for (const ValueInfo& output : graph.outputs) {
    Entry* entry = scope.find(output.name);
    check(entry != nullptr, ErrorCode::CorruptFile, "'{}': output '{}' comes from nowhere", source,
          clean(output.name));
    if (entry->is_missing) return {};
    results.push_back(value(*entry, source));
  }
  return results;
}

}  // namespace vitro::onnx
