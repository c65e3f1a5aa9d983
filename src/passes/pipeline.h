#pragma once

#include <filesystem>
#include <functional>
#include <span>

#include "ir/graph.h"
#include "passes/quantization.h"
#include "vitro/image.h"

namespace vitro {

/// A row of the pipeline.
struct Pass {
  const char* name;
  std::function<void(Graph&)> run;
  bool keeps_inputs = true;  ///< what the graph takes is the same afterwards
};

/// Applies one pass and verifies what it leaves: a well-formed graph whose results have the types
/// they had, at the default shape and, where it keeps its inputs, at the corners of their ranges. Throws Internal, naming
/// the pass.
void run_pass(Graph& graph, const Pass& pass);

struct PassOptions {
  /// When not empty: receives 00-input.txt, then 01-<name>.txt and so on, the graph after each
  /// pass. Created when missing.
  std::filesystem::path dump_dir{};
  /// How the matrices are stored in the end: Float32 or BFloat16.
  DType weights = DType::Float32;
  /// False: stops before blocks become one op, so that every product is a node.
  bool fuse_blocks = true;
  /// Of pictures, where the model is to take their pixels (take_pixels()); null: it is not.
  const Preprocessing* pixels = nullptr;
  /// The products that are to be in 8 bits; null: none.
  const Quantization* quantization = nullptr;
};

/// The passes that run_passes() applies, in order.
std::vector<Pass> pass_list(const PassOptions& options = {});

/// Optimises a valid graph in place and verifies it after each pass. Throws NotFound or DeviceError
/// when the dump directory cannot be written, Internal (naming the pass) when a pass broke the
/// graph.
void run_passes(Graph& graph, const PassOptions& options = {});

}  // namespace vitro
