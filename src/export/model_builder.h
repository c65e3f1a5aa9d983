#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "formats/onnx_model.h"
#include "ir/graph.h"

namespace vitro::onnx {

/// What a tensor is called in the file; the text is the builder's.
using Name = std::string_view;

/// That number everywhere.
Constant filled_constant(const Dims& dims, double value, DType dtype);

/// The attributes of a node. Names and texts are literals.
class Attributes {
 public:
  Attributes& integer(Name name, int64_t value);
  Attributes& number(Name name, float value);
  Attributes& text(Name name, Name value);
  Attributes& integers(Name name, Ints values);
  Attributes& tensor(Name name, std::shared_ptr<const Tensor> value);
  void remove(Name name);
  std::vector<Attribute> take() && { return std::move(list_); }

 private:
  Attribute& add(Name name, Attribute::Type type);
  std::vector<Attribute> list_;
};

/// Gathers nodes and tensors of a model, and owns their texts and elements.
class ModelBuilder {
 public:
  /// A text that lives as long as the model.
  Name keep(std::string text);
  /// A name that no tensor has: that one, or with a number behind it.
  Name unique(Name wanted);
  /// An initialiser: of equal tensors the first one, under its name.
  Name constant(const Constant& constant, Name wanted);
  /// The same tensor without a name, for attributes.
  std::shared_ptr<const Tensor> tensor(const Constant& constant);
  /// Appends a node; the name of a node is unique among nodes.
  void node(Name op, std::vector<Name> inputs, std::vector<Name> outputs, Attributes attributes,
            Name wanted);
  /// Gives a tensor that a node makes another name.
  void rename(Name from, Name to);
  bool is_constant(Name name) const { return constants_.contains(name); }

  Model& model() { return model_; }

 private:
  Tensor tensor_of(const Constant& constant);

  Model model_;
  std::deque<std::string> texts_;
  /// Names that are taken, and the number behind the last one of each.
  struct Names {
    std::set<Name> taken;
    std::map<std::string, int, std::less<>> numbers;
  };
  Name new_name(Name wanted, Names& names);

  Names tensors_, nodes_;
  std::set<Name> constants_;
  std::deque<Constant> elements_;
  std::multimap<std::string, size_t> equal_;  ///< initialisers by a checksum of what they are
};

}  // namespace vitro::onnx
