#include "runtime/partition.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "ir/op_info.h"
#include "runtime/assignment.h"

namespace vitro {
namespace {

constexpr size_t kNoPiece = SIZE_MAX;

/// Cuts an assigned graph: first numbers the pieces, then makes the graph of each.
class Cutter {
 public:
  explicit Cutter(const AssignedGraph& assigned)
      : assigned_(assigned),
        graph_(assigned.graph),
        producers_(producers(graph_)),
        border_of_(graph_.values.size()) {}

  Partition run() {
    number_pieces();
    for (size_t node = 0; node < graph_.nodes.size(); ++node)
      if (assigned_.owners[node].owner == Owner::Fallback)
        partition_.refused.push_back({op_name(graph_.nodes[node]), graph_.nodes[node].source,
                                      assigned_.owners[node].refusal});
    if (partition_.refused.empty()) return {};
    for (size_t piece = 0; piece < num_pieces_; ++piece) needs_.push_back(needs_of(piece));
    find_borders();
    for (size_t piece = 0; piece < num_pieces_; ++piece) make_piece(piece);
    return std::move(partition_);
  }

 private:
  bool is_view(const Node& node) const { return op_info(node.kind).has(View); }
  bool is_input(ValueId id) const {
    return std::any_of(graph_.inputs.begin(), graph_.inputs.end(),
                       [&](const vitro::Port& port) { return port.value == id; });
  }
  /// Whether a value is known before a run: each piece has it as a constant.
  bool is_fixed(ValueId id) const {
    return graph_.is_constant(id) || (!is_input(id) && assigned_.is_known_or_empty(id));
  }
  int producer(ValueId id) const { return producers_[static_cast<size_t>(id)]; }
  /// The value whose elements a view shows.
  ValueId root(ValueId id) const {
    while (!is_fixed(id) && producer(id) >= 0) {
      const Node& node = graph_.nodes[static_cast<size_t>(producer(id))];
      if (!is_view(node)) break;
      id = node.inputs[0];
    }
    return id;
  }
  /// The piece that makes a value; kNoPiece for inputs and for what is fixed.
  size_t maker(ValueId id) const {
    const ValueId made = root(id);
    return is_fixed(made) || producer(made) < 0 ? kNoPiece
                                                : piece_of_[static_cast<size_t>(producer(made))];
  }

  /// The earliest piece that each node can be in when pieces alternate between the backends,
  /// `first` beginning: the fewest pieces for that beginning.
  size_t number_from(Owner first) {
    piece_of_.assign(graph_.nodes.size(), kNoPiece);
    size_t count = 0;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Owner owner = assigned_.owners[i].owner;
      if (owner == Owner::Nobody) continue;
      size_t piece = owner == first ? 0 : 1;
      for (ValueId id : graph_.nodes[i].inputs) {
        const size_t before = id == kAbsent ? kNoPiece : maker(id);
        if (before == kNoPiece) continue;
        const bool same = before % 2 == piece % 2;
        piece = std::max(piece, same ? before : before + 1);
      }
      piece_of_[i] = piece;
      count = std::max(count, piece + 1);
    }
    return count;
  }

  void number_pieces() {
    const size_t from_fallback = number_from(Owner::Fallback);
    num_pieces_ = number_from(Owner::Primary);
    first_ = Owner::Primary;
    if (from_fallback < num_pieces_) {
      num_pieces_ = number_from(Owner::Fallback);
      first_ = Owner::Fallback;
    }
  }

  bool is_fallback(size_t piece) const { return (piece % 2 == 0) == (first_ == Owner::Fallback); }

  /// Where an output of the graph is written: where it is made, and on the second backend, which
  /// works in memory of the host, when nobody makes it.
  size_t writer(ValueId id) const {
    const size_t piece = maker(id);
    if (piece != kNoPiece) return piece;
    return is_fallback(0) ? 0 : 1;
  }

  /// The values that a piece works with.
  std::vector<bool> needs_of(size_t piece) const {
    std::vector<bool> needs(graph_.values.size());
    const auto need = [&](ValueId id) {
      if (id != kAbsent) needs[static_cast<size_t>(id)] = true;
    };
    for (const vitro::Port& port : graph_.outputs)
      if (writer(port.value) == piece) need(port.value);
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      if (piece_of_[i] == piece)
        std::for_each(node.inputs.begin(), node.inputs.end(), need);
      else if (is_needed_view(node, needs))
        std::for_each(node.inputs.begin(), node.inputs.begin() + num_view_operands(node), need);
    }
    return needs;
  }
  bool is_needed_view(const Node& node, const std::vector<bool>& needs) const {
    return is_view(node) && needs[static_cast<size_t>(node.outputs[0])] &&
           !is_fixed(node.outputs[0]);
  }
  /// A shape that is taken from another value is written down instead of reading that.
  static std::ptrdiff_t num_view_operands(const Node& node) {
    return node.kind == OpKind::ReshapeLike ? 1 : static_cast<std::ptrdiff_t>(node.inputs.size());
  }

  void find_borders() {
    for (size_t piece = 0; piece < num_pieces_; ++piece)
      for (size_t id = 0; id < graph_.values.size(); ++id) {
        const auto value = static_cast<ValueId>(id);
        if (!needs_[piece][id] || root(value) != value) continue;
        const size_t made_in = maker(value);
        if (made_in == kNoPiece || made_in == piece) continue;
        const bool on_first = !is_fallback(made_in) && !is_fallback(piece);
        auto& border = border_of_[id][on_first];
        if (!border) {
          border = partition_.borders.size();
          const Node& node = graph_.nodes[static_cast<size_t>(producer(value))];
          partition_.borders.push_back(
              {node.source, assigned_.known.types[id], made_in, piece, on_first});
        }
        partition_.borders[*border].last_reader = piece;
      }
  }

  void make_piece(size_t index) {
    Piece piece;
    piece.fallback = is_fallback(index);
    std::vector<ValueId> local(graph_.values.size(), kAbsent);
    for (size_t id = 0; id < graph_.values.size(); ++id)
      if (needs_[index][id]) add_operand(piece, index, static_cast<ValueId>(id), local);
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (piece_of_[i] == index || is_needed_view(graph_.nodes[i], needs_[index]))
        add_node(piece, i, local);
    const auto add_output = [&](ValueId id, Piece::Port port) {
      const ValueId value = local[static_cast<size_t>(id)];
      piece.graph.outputs.push_back({piece.graph.value(value).name, value, {}});
      piece.outputs.push_back(port);
    };
    for (size_t k = 0; k < graph_.outputs.size(); ++k)
      if (writer(graph_.outputs[k].value) == index) add_output(graph_.outputs[k].value, {false, k});
    for (size_t id = 0; id < border_of_.size(); ++id)
      for (const auto& border : border_of_[id])
        if (border && partition_.borders[*border].maker == index)
          add_output(static_cast<ValueId>(id), {true, *border});
    partition_.pieces.push_back(std::move(piece));
  }

  /// A value that no node of the piece makes: fixed, an input, or from another piece.
  void add_operand(Piece& piece, size_t index, ValueId id, std::vector<ValueId>& local) const {
    const size_t at = static_cast<size_t>(id);
    if (is_fixed(id)) {
      local[at] = add_value(piece, id);
      piece.graph.values.back().constant = assigned_.constant(id);
      return;
    }
    const auto input = std::find_if(graph_.inputs.begin(), graph_.inputs.end(),
                                    [&](const vitro::Port& port) { return port.value == id; });
    const bool is_input = input != graph_.inputs.end();
    const bool crosses = !is_input && root(id) == id && maker(id) != index;
    if (!is_input && !crosses) return;
    local[at] = add_value(piece, id);
    piece.graph.inputs.push_back({graph_.value(id).name, local[at], {}});
    piece.input_types.push_back(assigned_.known.types[at]);
    if (is_input)
      piece.inputs.push_back({false, static_cast<size_t>(input - graph_.inputs.begin())});
    else
      piece.inputs.push_back({true, *border_of_[at][!piece.fallback && !is_fallback(maker(id))]});
  }

  ValueId add_value(Piece& piece, ValueId id) const {
    piece.graph.values.push_back(
        {graph_.value(id).name, assigned_.known.types[static_cast<size_t>(id)], {}});
    return static_cast<ValueId>(piece.graph.values.size() - 1);
  }

  void add_node(Piece& piece, size_t index, std::vector<ValueId>& local) const {
    Node node = graph_.nodes[index];
    if (node.kind == OpKind::ReshapeLike) {
      node.kind = OpKind::Reshape;
      node.attrs = ReshapeAttrs{assigned_.known.types[static_cast<size_t>(node.outputs[0])].dims};
      node.inputs.resize(1);
    }
    for (ValueId& id : node.inputs)
      if (id != kAbsent) id = local[static_cast<size_t>(id)];
    for (ValueId& id : node.outputs) {
      if (id == kAbsent) continue;
      // What is fixed has been added as a constant, for those who read it.
      ValueId& made = local[static_cast<size_t>(id)];
      const ValueId own = add_value(piece, id);
      if (made == kAbsent) made = own;
      id = own;
    }
    piece.graph.nodes.push_back(std::move(node));
    piece.origins.push_back(assigned_.origins[index]);
  }

  const AssignedGraph& assigned_;
  const Graph& graph_;
  const std::vector<int> producers_;
  Owner first_ = Owner::Primary;
  size_t num_pieces_ = 0;
  std::vector<size_t> piece_of_;                                 // by node
  std::vector<std::vector<bool>> needs_;                         // by piece and value
  std::vector<std::array<std::optional<size_t>, 2>> border_of_;  // by value and Border::on_first
  Partition partition_;
};

}  // namespace

Partition make_partition(const CompileRequest& request, const Backend& first) {
  return Cutter(assign_nodes(request, first)).run();
}

}  // namespace vitro
