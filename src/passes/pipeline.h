#pragma once

#include <filesystem>
#include <span>

#include "ir/graph.h"

namespace vitro {

/// A row of the pipeline.
struct Pass {
  const char* name;
  void (*run)(Graph&);
  bool fuses_blocks = false;  ///< makes one node of a block, and of the products in it
};

/// The passes that always run, in the order in which run_passes() applies them.
std::span<const Pass> pass_list();

/// Applies one pass and verifies what it leaves: a well-formed graph whose results have the types
/// they had, at the default shape and at the corners of the input ranges. Throws Internal, naming
/// the pass.
void run_pass(Graph& graph, const Pass& pass);

struct PassOptions {
  /// When not empty: receives 00-input.txt, then 01-<name>.txt and so on, the graph after each
  /// pass. Created when missing.
  std::filesystem::path dump_dir = {};
  /// How the matrices are stored in the end: Float32 or BFloat16.
  DType weights = DType::Float32;
  /// False: products stay nodes of their own, as calibration watches them.
  bool fuse_blocks = true;
};

/// Optimises a valid graph in place and verifies it after each pass. Throws NotFound or DeviceError
/// when the dump directory cannot be written, Internal (naming the pass) when a pass broke the
/// graph.
void run_passes(Graph& graph, const PassOptions& options = {});

}  // namespace vitro
