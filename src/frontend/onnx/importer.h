#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "formats/onnx_model.h"
#include "frontend/onnx/import.h"
#include "frontend/onnx/open_extents.h"
#include "ir/builder.h"
#include "vitro/plan.h"

namespace vitro::onnx {

/// What a name of the file stands for.
struct Entry {
  ValueId id = kAbsent;            ///< of the builder; kAbsent: nobody has read the tensor yet
  const Tensor* tensor = nullptr;  ///< an initialiser
  bool is_missing = false;         ///< of a node that is not supported
};

/// The names that nodes see: those of a graph and of the graphs around it, or of a function.
struct Scope {
  const Scope* parent = nullptr;
  const std::vector<Opset>* opsets = nullptr;
  std::map<std::string_view, const Attribute*> function_attributes;  ///< of the call; by name
  std::string prefix;                                                ///< of the sources of nodes
  std::unordered_map<std::string_view, Entry> entries;

  Entry* find(std::string_view name) const;
};

/// Text of a file in errors and names of the graph: what cannot be shown is '?', and it is short.
std::string clean(std::string_view text);

/// The axis of the height of an input of four axes: 1 where channels are last, which a model says
/// by their number, 1 or 3, alone, and no convolution reads it.
size_t height_axis(const Graph& graph, const ValueInfo& pictures);

/// Makes an IR graph of a model, node by node. Whatever depends on constants alone is evaluated at
/// once, so that weights may be computed and what must be known may be a chain of nodes.
class Importer {
 public:
  /// All outlive the importer; `evaluate` may be empty: then nothing is evaluated.
  Importer(const Model& model, TensorData& data, const EvaluateConstants& evaluate)
      : model_(model), data_(data), evaluate_(evaluate) {}

  /// Imports inputs (see ports.cpp), nodes and outputs. Nodes without an op are collected; when
  /// there are some, throws Unsupported with all of them.
  vitro::Graph import(int64_t height, int64_t width);

  std::vector<WeightRecord>& ledger() { return ledger_; }
  std::vector<std::string>& notes() { return notes_; }
  const std::vector<UnsupportedNode>& unsupported() const { return unsupported_; }
  /// Nodes that were read, by op; those that come after one that is not supported too.
  const std::map<std::string, int64_t>& counts() const { return counts_; }

  // For Call.
  GraphBuilder& builder() { return builder_; }
  /// An op; of constants alone, its value.
  std::vector<ValueId> ops(OpKind kind, Attrs attrs, std::vector<ValueId> inputs,
                           size_t num_outputs, const std::string& source);
  ValueId constant(std::string_view name, Constant constant);
  /// The value of a name, which becomes a constant of the graph if it is an initialiser.
  ValueId value(Entry& entry, const std::string& source);
  /// The elements, if they do not depend on inputs. Of an initialiser that nobody read as it is,
  /// they are not kept.
  std::optional<Constant> known(const Entry& entry, const std::string& source);
  /// Whether an extent is what it is by default even where inputs have open ones.
  bool is_fixed(ValueId id, size_t axis) const { return open_->is_fixed(builder_, id, axis); }
  /// Imports a graph of an attribute in place, with `inputs` as its first inputs; its results.
  std::vector<ValueId> inlined(const Graph& graph, const Scope& around, const std::string& source,
                               const std::vector<ValueId>& inputs = {});
  /// The same initialiser with its axes in another order; made once.
  ValueId permuted(Entry& entry, const Ints& perm, const std::string& source);

 private:
  void add_initializers(const Graph& graph, Scope& scope);
  void import_nodes(const std::vector<Node>& nodes, Scope& scope);
  void import_node(const Node& node, Scope& scope, const std::string& source);
  std::vector<ValueId> call_function(const Function& function, const Node& node, Scope& scope,
                                     const std::string& source);
  const Function* find_function(const Node& node) const;
  std::optional<ValueId> fixed_integers(const std::vector<ValueId>& results);
  void note_missing(const Node& node, const Scope& scope, const std::string& source);
  bool has_missing_input(const Node& node, const Scope& scope) const;
  Constant elements(const Tensor& tensor, const std::string& source);
  void bind(const Node& node, const std::vector<ValueId>& results, Scope& scope,
            const std::string& source);
  std::string unique(std::string_view name);

  const Model& model_;
  TensorData& data_;
  const EvaluateConstants& evaluate_;
  GraphBuilder builder_;
  std::set<std::string, std::less<>> names_;
  std::set<const Tensor*> recorded_;
  std::map<std::pair<const Tensor*, Ints>, ValueId> permuted_;
  std::vector<WeightRecord> ledger_;
  std::vector<std::string> notes_;
  std::vector<UnsupportedNode> unsupported_;
  std::map<std::string, int64_t> counts_;
  std::optional<OpenExtents> open_;  ///< once the inputs are there
  /// By how many elements more the results that are larger than what they are made of (position
  /// codes, masks) may swell the model: 16 MiB of float32.
  int64_t swelling_left_ = int64_t{1} << 22;
  size_t num_nodes_ = 0;
  int depth_ = 0;
};

}  // namespace vitro::onnx
