#include "calibration/collector.h"

#include <algorithm>

#include "core/check.h"

namespace vitro {
namespace {

/// Floats of all samples together: 128 MB.
constexpr size_t kSampleFloats = size_t{32} << 20;
constexpr size_t kFewestRows = 16;

/// Fewer where products are many or deep: memory is bounded, whatever the model.
size_t rows_to_keep(std::span<const CalibratedProduct> products) {
  size_t depth = 1;
  for (const CalibratedProduct& product : products) depth += static_cast<size_t>(product.depth);
  return std::clamp(kSampleFloats / depth, kFewestRows, RowReservoir::kCapacity);
}

}  // namespace

Collector::Collector(const Graph& graph, std::span<const CalibratedProduct> products,
                     ThreadTeam& team)
    : graph_(graph), products_(products), team_(team), readers_(graph.values.size()) {
  for (size_t p = 0; p < products.size(); ++p) {
    inputs_.push_back({TensorStatistics(products[p].channels),
                       RowReservoir(static_cast<size_t>(products[p].depth),
                                    static_cast<uint32_t>(p), rows_to_keep(products))});
    readers_[static_cast<size_t>(products[p].memory)].push_back(p);
  }
}

void Collector::begin(const Executable& executable, const TensorView& input) {
  const TensorType type{input.dtype, input.dims};
  types_ = infer_types(graph_, {&type, 1});
  makers_.assign(executable.steps().size(), nullptr);
  // Of the steps of one node the last one makes its results.
  std::vector<bool> done(graph_.nodes.size());
  for (size_t s = makers_.size(); s-- > 0;) {
    const size_t node = executable.steps()[s].node;
    if (node == kNoNode || done[node]) continue;
    done[node] = true;
    makers_[s] = &graph_.nodes[node];
  }
  seen_.assign(products_.size(), 0);
  for (size_t p : readers_[static_cast<size_t>(graph_.inputs[0].value)])
    add(p, static_cast<const std::byte*>(input.data));
}

void Collector::after_step(size_t step, std::span<const std::byte* const> outputs) {
  if (makers_[step] == nullptr) return;
  const std::vector<ValueId>& results = makers_[step]->outputs;
  for (size_t i = 0; i < std::min(results.size(), outputs.size()); ++i) {
    if (results[i] == kAbsent || outputs[i] == nullptr) continue;
    for (size_t p : readers_[static_cast<size_t>(results[i])]) add(p, outputs[i]);
  }
}

void Collector::add(size_t product, const std::byte* memory) {
  const CalibratedProduct& of = products_[product];
  const Node& node = graph_.nodes[of.node];
  const Dims& dims = types_[static_cast<size_t>(node.inputs[0])].dims;
  const Dims& output = types_[static_cast<size_t>(node.output())].dims;
  const std::span values(reinterpret_cast<const float*>(memory),
                         static_cast<size_t>(num_elements(dims)));
  inputs_[product].statistics.add(values, team_);
  inputs_[product].sample.add(num_elements(output) / output.back(),
                              [&](int64_t row, std::span<float> to) {
                                copy_row(graph_, of, values, dims, output, row, to);
                              });
  ++seen_[product];
}

void Collector::end() const {
  for (size_t p = 0; p < products_.size(); ++p)
    check(seen_[p] == 1, ErrorCode::Internal, "the input of '{}' passed by {} times in a run",
          products_[p].name, seen_[p]);
}

}  // namespace vitro
