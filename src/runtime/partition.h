#pragma once

#include <string>
#include <vector>

#include "backends/backend.h"

namespace vitro {

/// An op that the first backend refuses.
struct RefusedOp {
  std::string op;  ///< op_name()
  std::string source;
  std::string reason;
};

/// A value that one piece makes and others read. Between them it lies in memory of the host, or in
/// that of the first backend when this makes and reads it; twice when the other reads it as well.
struct Border {
  std::string source;  ///< of the node that makes it
  TensorType type;
  size_t maker;        ///< piece
  size_t last_reader;  ///< piece
  bool on_first;       ///< in memory of the first backend; else it is copied from or to that
};

/// A part of a graph that one backend runs. Its graph has the types of the shape that is compiled.
struct Piece {
  /// What an input or an output of the piece is.
  struct Port {
    bool border;   ///< a border; else an input or an output of the whole graph
    size_t index;  ///< among those
  };
  bool fallback = false;  ///< runs on the second backend
  Graph graph;
  std::vector<TensorType> input_types;
  std::vector<Port> inputs, outputs;
  std::vector<size_t> origins;  ///< node of the whole graph, by node
};

/// A graph cut by who runs it. No pieces: the first backend takes all of it.
struct Partition {
  std::vector<Piece> pieces;  ///< in order of execution, of either backend in turns
  std::vector<Border> borders;
  std::vector<RefusedOp> refused;
};

/// Cuts a graph into the fewest pieces in which `first` runs all it can, and another backend the
/// rest. Fused ops are cut where `first` takes a part of the ops they stand for. Views and what is
/// known before a run are made again in each piece, so that they never cross a border.
Partition make_partition(const CompileRequest& request, const Backend& first);

}  // namespace vitro
