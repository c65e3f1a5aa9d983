#pragma once

#include <vector>

#include "ir/graph.h"

// The oracle's own parts: tensors of doubles, and the equations that files of their own have.
namespace vitro::oracle {

/// A dense tensor of doubles.
struct Array {
  Dims dims;
  std::vector<double> data;
  DType dtype = DType::Float32;  ///< of the constant that it was

  explicit Array(Dims extents = {}) : dims(std::move(extents)) {
    data.resize(static_cast<size_t>(num_elements(dims)));
  }
  int64_t size() const { return static_cast<int64_t>(data.size()); }
  double& operator[](int64_t i) { return data.at(static_cast<size_t>(i)); }
  double operator[](int64_t i) const { return data.at(static_cast<size_t>(i)); }

  /// Element at [a, b, c, d] of a rank 4 tensor; zero outside of it.
  double at_or_zero(int64_t a, int64_t b, int64_t c, int64_t d) const {
    if (b < 0 || b >= dims[1] || c < 0 || c >= dims[2]) return 0.0;
    return (*this)[((a * dims[1] + b) * dims[2] + c) * dims[3] + d];
  }
};

using Arrays = std::vector<Array>;

/// Where element `index` of dense rows lies, and the inverse.
Dims coordinates(int64_t index, const Dims& dims);
int64_t position(const Dims& at, const Dims& dims);

// oracle.cpp
void linear(const Arrays& in, Array& out);

// oracle_quantized.cpp
void quantized_product(const Node& node, const Arrays& in, Array& out);

// oracle_reductions.cpp
void reduce(const Node& node, const Arrays& in, Array& out);
void cum_sum(const Node& node, const Arrays& in, Array& out);
void top_k(const Node& node, const Arrays& in, Array& out);

// oracle_windows.cpp
void conv(const Node& node, const Arrays& in, Array& out);
void depthwise_conv2d(const Node& node, const Arrays& in, Array& out);
void pool(const Node& node, const Arrays& in, Array& out);

// oracle_movement.cpp
void transpose(const Node& node, const Arrays& in, Array& out);
void slice(const Node& node, const Arrays& in, Array& out);
void concat(const Node& node, const Arrays& in, Array& out);
void pad(const Node& node, const Arrays& in, Array& out);
void gather(const Node& node, const Arrays& in, Array& out);
void gather_elements(const Node& node, const Arrays& in, Array& out);
void scatter_nd(const Arrays& in, Array& out);
void tile(const Arrays& in, Array& out);
void resize(const Node& node, const Arrays& in, Array& out);

// oracle_norms.cpp
void batch_norm(const Node& node, const Arrays& in, Array& out);
void layer_norm(const Node& node, const Arrays& in, Array& out);
void group_norm(const Node& node, const Arrays& in, Array& out);
void softmax(const Node& node, const Arrays& in, Array& out);

}  // namespace vitro::oracle
