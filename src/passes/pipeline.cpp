#include "passes/pipeline.h"

#include <system_error>

#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "ir/corners.h"
#include "passes/passes.h"

namespace vitro {
namespace {

const std::vector<Pass>& passes_of_ops() {
  static const std::vector<Pass> passes{
      // What exporters leave: first the arithmetic on shapes, which hides the rest.
      {"widen_halves", widen_halves},
      {"fold_shapes", fold_shapes},
      {"fold_scalars", fold_scalars},
      {"drop_identities", drop_identities},
      // Pieces of one function: in the exporter's layout, or in ours, they are the same.
      {"fuse_clip", fuse_clip},
      {"fuse_activation", fuse_activation},
      // Before the transposes are cancelled: they may make some.
      {"fuse_layer_norm", fuse_layer_norm},
      {"fuse_group_norm", fuse_group_norm},
      {"expand_squares", expand_squares},
      // Before the transposes are cancelled, too: what takes a row meets those behind a product.
      {"take_rows_early", take_rows_early},
      {"cancel_transposes", cancel_transposes},
      {"merge_equal", merge_equal},
      {"drop_kept_axes", drop_kept_axes},
      {"fold_bias_add", fold_bias_add},
      {"fold_norm_weights", fold_norm_weights},
      // Leaves the depthwise_conv2d as the only reader of the value before it: a batch_norm in
      // front of the pair then has one reader, and later patterns see no residual.
      {"fold_depthwise_residual", fold_depthwise_residual},
      // Before the norms: a factor between a linear and a batch_norm would hide them from each
      // other.
      {"fold_layer_scale", fold_layer_scale},
      // Brings the batch_norm next to the head, where fold_batch_norm takes it.
      {"fold_pooled_batch_norm", fold_pooled_batch_norm},
      {"fold_batch_norm", fold_batch_norm},
      // Again: where a batch_norm is gone, views and transposes meet that it kept apart.
      {"cancel_transposes", cancel_transposes},
      {"fold_layer_norm_affine", fold_layer_norm_affine},
      // After fold_batch_norm, which may give a depthwise_conv2d a bias.
      {"fold_depthwise_bias", fold_depthwise_bias},
      {"fuse_attention", fuse_attention},
      {"fold_attention_scale", fold_attention_scale},
      // Behind attention, which knows its heads by their transposes.
      {"compose_transposes", compose_transposes},
      // When all that scales rows of weights has done so: their codes stay the same. What the
      // quantization of the input kept from its product comes again.
      {"fuse_explicit_products", fuse_explicit_products},
      {"fold_batch_norm", fold_batch_norm},
      {"fold_layer_norm_affine", fold_layer_norm_affine},
  };
  return passes;
}

/// The blocks come last: their operands are the finished weights.
const std::vector<Pass>& passes_of_blocks() {
  static const std::vector<Pass> passes{
      {"fuse_attention_block", fuse_attention_block},
      {"fuse_mlp", fuse_mlp},
      {"fuse_local_mixer", fuse_local_mixer},
  };
  return passes;
}

void dump(const Graph& graph, const PassOptions& options, size_t number, const char* name) {
  if (options.dump_dir.empty()) return;
  const std::string text = print(graph);
  write_file_atomic(options.dump_dir / fmt::format("{:02}-{}.txt", number, name),
                    std::as_bytes(std::span(text)));
}

void create_dump_dir(const std::filesystem::path& dir) {
  if (dir.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  check(!error, ErrorCode::DeviceError, "cannot create the dump directory '{}': {}", dir.string(),
        error.message());
}

using Types = std::vector<TensorType>;

/// Types of the outputs for each of some inputs; empty where the graph refuses them.
std::vector<Types> output_types(const Graph& graph, std::span<const Types> inputs) {
  std::vector<Types> result;
  for (const Types& types : types_at(graph, inputs)) {
    result.emplace_back();
    for (const Port& port : graph.outputs)
      if (!types.empty()) result.back().push_back(types[static_cast<size_t>(port.value)]);
  }
  return result;
}

std::string text_of(const std::vector<TensorType>& types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : ", ") + to_string(type.dims);
  return text.empty() ? "refused" : text;
}

/// A rewrite that fits the default shape alone shows at another one.
void compare_corners(const Graph& graph, const std::vector<Types>& corners,
                     const std::vector<Types>& before) {
  const std::vector<Types> after = output_types(graph, corners);
  for (size_t i = 0; i < after.size(); ++i)
    check(before[i].empty() || before[i] == after[i], ErrorCode::Internal,
          "for inputs {} the results are {}, before they were {}", text_of(corners[i]),
          text_of(after[i]), text_of(before[i]));
}

}  // namespace

void run_pass(Graph& graph, const Pass& pass) {
  const std::vector<Types> corners = corner_inputs(graph);
  const std::vector<Types> before = output_types(graph, corners);
  pass.run(graph);
  try {
    verify(graph);
    if (pass.keeps_inputs) compare_corners(graph, corners, before);
  } catch (const Error& error) {
    fail(ErrorCode::Internal, "pass {}: {}", pass.name, error.what());
  }
}

std::vector<Pass> pass_list(const PassOptions& options) {
  std::vector<Pass> passes = passes_of_ops();
  if (const Preprocessing* pixels = options.pixels) {
    passes.push_back({"take_pixels", [pixels](Graph& graph) { take_pixels(graph, *pixels); },
                      /*keeps_inputs=*/false});
    passes.push_back({"cancel_transposes", cancel_transposes});
  }
  if (const Quantization* inputs = options.quantization)
    passes.push_back(
        {"quantize_products", [inputs](Graph& graph) { quantize_products(graph, *inputs); }});
  // Behind the codes of the first product, which are pixels only where their mean and std are seen.
  if (options.pixels) passes.push_back({"fold_batch_norm", fold_batch_norm});
  if (options.fuse_blocks)
    passes.insert(passes.end(), passes_of_blocks().begin(), passes_of_blocks().end());
  if (options.weights == DType::BFloat16) passes.push_back({"round_weights", round_weights});
  return passes;
}

void run_passes(Graph& graph, const PassOptions& options) {
  create_dump_dir(options.dump_dir);
  dump(graph, options, 0, "input");
  const std::vector<Pass> passes = pass_list(options);
  for (size_t i = 0; i < passes.size(); ++i) {
    const size_t before = graph.nodes.size();
    run_pass(graph, passes[i]);
    log_message(LogTopic::Passes, fmt::format("{:02} {:<24} {} ops -> {}", i + 1, passes[i].name,
                                              before, graph.nodes.size()));
    dump(graph, options, i + 1, passes[i].name);
  }
}

}  // namespace vitro
