#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// A linear or a convolution of one group whose weights are constant: its input may become bytes.
struct CalibratedProduct {
  std::string name;  ///< Node::source, no other product has it
  size_t node = 0;   ///< index into Graph::nodes
  /// The value whose memory it reads, behind views: an input of the graph, or a result.
  ValueId memory = kAbsent;
  /// What other tools may call its input: the input of the graph, or names after the node that
  /// makes it.
  std::vector<std::string> input_names;
  int64_t channels = 0;  ///< of the input
  int64_t depth = 0;     ///< columns of the matrix: taps of the kernel times channels
  int64_t outputs = 0;
  double flops = 0;     ///< at the default shape, multiply-adds counted as two
  bool padded = false;  ///< a convolution that reads zeros around its input
};

struct FoundProducts {
  std::vector<CalibratedProduct> products;
  std::vector<std::string> left_out;  ///< "'name': why", of those that cannot be
};

/// The longest name and the widest input that are taken: what a calibration file may hold.
inline constexpr size_t kMaxProductName = 4096;
inline constexpr int64_t kMaxProductChannels = int64_t{1} << 20;

/// The products of a graph whose blocks are not fused.
FoundProducts find_products(const Graph& graph);

/// The matrix of a product, [outputs, depth], as float32.
std::vector<float> weights_of(const Graph& graph, const CalibratedProduct& product);

/// Writes row `row` of the matrix that a product multiplies, `depth` floats: a row of the input,
/// or what a kernel covers of it. `input` has the extents `dims`, `output` are those of the result.
void copy_row(const Graph& graph, const CalibratedProduct& product, std::span<const float> input,
              const Dims& dims, const Dims& output, int64_t row, std::span<float> to);

}  // namespace vitro
