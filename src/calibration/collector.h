#pragma once

#include "backends/backend.h"
#include "calibration/products.h"
#include "calibration/row_reservoir.h"
#include "calibration/tensor_statistics.h"

namespace vitro {

/// What is known of the input of a product.
struct ProductInput {
  TensorStatistics statistics;
  RowReservoir sample;  ///< rows of the matrix that the product multiplies
};

/// Watches runs of a graph and gathers what its products read.
class Collector final : public RunObserver {
 public:
  /// All must outlive it. The team works while the observed run waits.
  Collector(const Graph& graph, std::span<const CalibratedProduct> products, ThreadTeam& team);

  /// The run that follows is of this program and this input, which is taken in where products read
  /// it. The program was compiled of the graph.
  void begin(const Executable& executable, const TensorView& input);
  void after_step(size_t step, std::span<const std::byte* const> outputs) override;
  /// After a run: throws Internal when the input of a product did not pass by.
  void end() const;

  const ProductInput& input(size_t product) const { return inputs_[product]; }

  /// See state.h; between runs.
  template <typename State>
  void state(State& state) {
    for (ProductInput& input : inputs_) {
      input.statistics.state(state);
      input.sample.state(state);
    }
  }

 private:
  void add(size_t product, const std::byte* memory);

  const Graph& graph_;
  std::span<const CalibratedProduct> products_;
  ThreadTeam& team_;
  std::vector<ProductInput> inputs_;
  std::vector<TensorType> types_;             ///< by value, of the run
  std::vector<std::vector<size_t>> readers_;  ///< products, by the value that they read
  std::vector<const Node*> makers_;           ///< by step: whose results it gives, or null
  std::vector<int> seen_;                     ///< in the run, by product
};

}  // namespace vitro
