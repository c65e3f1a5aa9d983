#include "cli/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace vitro::cli {
namespace {

struct ForeignOption {
  std::string_view tool;
  std::string_view name;  ///< without the dashes before it
  std::string_view ours;  ///< what follows "is"
};

constexpr const char* kFixedLayout = "not needed: Vitro chooses the layout itself";

constexpr const char* kOfBench = "an option of 'vitro bench'; nothing is timed here";

constexpr ForeignOption kForeign[]{
    {"trtexec", "saveEngine", "-o of 'vitro build'"},
    {"trtexec", "loadEngine", "the argument MODEL"},
    {"trtexec", "onnx", "the argument MODEL, which is a plan, .safetensors, .pth or .onnx"},
    {"trtexec", "shapes", "--batch and --size"},
    {"trtexec", "minShapes", "an option of 'vitro build' and 'vitro bench'"},
    {"trtexec", "optShapes", "an option of 'vitro build' and 'vitro bench'"},
    {"trtexec", "maxShapes", "an option of 'vitro build' and 'vitro bench'"},
    {"trtexec", "iterations", kOfBench},
    {"trtexec", "duration", kOfBench},
    {"trtexec", "skipInference", "what 'vitro build' does"},
    {"trtexec", "buildOnly", "what 'vitro build' does"},
    {"trtexec", "warmUp", kOfBench},
    {"trtexec", "avgRuns", "not needed: medians and percentiles are over all runs"},
    {"trtexec", "infStreams", "--streams"},
    {"trtexec", "best",
     "not there: '--tune' of 'vitro build' measures kernels, and --fp16 of what runs it halves the "
     "data"},
    {"trtexec", "int8", "an option of 'vitro build', with --calib"},
    {"trtexec", "calib", "an option of 'vitro build'"},
    {"trtexec", "layerPrecisions", "an option of 'vitro build', with --int8 or --fp8"},
    {"trtexec", "precisionConstraints", "not needed: --layerPrecisions is obeyed"},
    {"trtexec", "fp8", "an option of 'vitro build', with --calib"},
    {"trtexec", "noTF32", "--fp32"},
    {"trtexec", "stronglyTyped", "--fp32, --tf32, --fp16 or --bf16"},
    {"trtexec", "useCudaGraph", "not needed: every shape is one CUDA graph"},
    {"trtexec", "useSpinWait", "not needed: threads spin first, then sleep"},
    {"trtexec", "noDataTransfers", "compute_ms beside median_ms in 'vitro bench --json'"},
    {"trtexec", "timingCacheFile", "--tactics of 'vitro build --tune'"},
    {"trtexec", "builderOptimizationLevel", "--tune and --time-budget of 'vitro build'"},
    {"trtexec", "allowGPUFallback", "--fallback cpu"},
    {"trtexec", "loadInputs", "--input of 'vitro run'"},
    {"trtexec", "exportOutput", "--output of 'vitro run'"},
    {"trtexec", "dumpOutput", "--output of 'vitro run'"},
    {"trtexec", "dumpProfile", "an option of 'vitro bench', and what 'vitro profile' shows"},
    {"trtexec", "separateProfileRun", "what 'vitro profile' does"},
    {"trtexec", "exportProfile", "an option of 'vitro bench' and 'vitro profile'"},
    {"trtexec", "exportTimes", "--exportTimes of 'vitro bench'"},
    {"trtexec", "dumpLayerInfo", "--why of 'vitro inspect'"},
    {"trtexec", "exportLayerInfo", "an option of 'vitro build' and 'vitro bench'"},
    {"trtexec", "profilingVerbosity",
     "not needed: --verbose dispatch,passes shows what was chosen"},
    {"trtexec", "percentile", "not needed: p90 and p99 are shown"},
    {"benchmark_app", "nstreams", "--streams"},
    {"benchmark_app", "nireq", "--streams"},
    {"benchmark_app", "nthreads", "--threads"},
    {"benchmark_app", "niter", "--iterations"},
    {"benchmark_app", "api", "--streams, one for sync"},
    {"benchmark_app", "shape", "--batch and --size"},
    {"benchmark_app", "data_shape", "--batch and --size"},
    {"benchmark_app", "infer_precision", "--precision"},
    {"benchmark_app", "report_type", "--report FILE, by its ending"},
    {"benchmark_app", "report_folder", "--report FILE, by its ending"},
    {"benchmark_app", "json_stats", "--report FILE.json"},
    {"benchmark_app", "exec_graph_path", "--graph of 'vitro inspect'"},
    {"benchmark_app", "pc", "what 'vitro profile' shows"},
    {"benchmark_app", "pcsort", "what 'vitro profile' shows"},
    {"benchmark_app", "pcseq", "what 'vitro profile' shows"},
    {"benchmark_app", "layout", kFixedLayout},
    {"benchmark_app", "cdir", "what a plan is for: 'vitro build MODEL -o model.plan'"},
    {"benchmark_app", "cache_dir", "what a plan is for: 'vitro build MODEL -o model.plan'"},
    {"benchmark_app", "pin", "not needed: restrict the cores with taskset"},
    {"timm", "model", "--arch; the weights are the argument MODEL"},
    {"timm", "checkpoint", "the argument MODEL"},
    {"timm", "pretrained", "the argument MODEL, a file"},
    {"timm", "data-dir", "the argument IMAGE_FOLDER of 'vitro eval'"},
    {"timm", "img-size", "--size"},
    {"timm", "input-size", "--size, without the channels"},
    {"timm", "workers", "--threads, which decode too"},
    {"timm", "j", "--threads, which decode too"},
    {"timm", "class-map", "--classes of 'vitro eval'"},
    {"timm", "num-classes", "not needed: the weights tell it"},
    {"timm", "amp", "--fp16"},
    {"timm", "amp-dtype", "--fp16 or --bf16"},
    {"timm", "half", "--fp16"},
    {"timm", "channels-last", kFixedLayout},
    {"timm", "crop-pct", "--crop-pct of 'vitro build', 'classify' and 'eval'"},
    {"timm", "crop-mode", "--crop-mode of 'vitro build', 'classify' and 'eval'"},
    {"timm", "interpolation", "--interpolation of 'vitro build', 'classify' and 'eval'"},
    {"timm", "bench", "what 'vitro bench' does"},
    {"timm", "num-bench-iter", "--iterations"},
    {"timm", "num-warm-iter", "--warmup"},
    {"timm", "results-file", "--report of 'vitro bench', or --json"},
    {"timm", "torchcompile", "not needed: plans are compiled"},
    {"timm", "torchscript", "not needed: plans are compiled"},
    {"timm", "aot-autograd", "not needed: plans are compiled"},
    {"timm", "fuser", "not needed: plans are compiled"},
    {"timm", "num-gpu", "--device, one GPU for each process"},
    {"timm", "gp", "not there: pooling is part of the model"},
};

/// Letters and digits in lower case: tools write img_size for img-size, and people --saveengine.
std::string plain(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != '-' && c != '_')
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

std::string foreign_option(std::string_view option) {
  const std::string wanted = plain(option);
  const auto* const found =
      std::find_if(std::begin(kForeign), std::end(kForeign),
                   [&](const ForeignOption& foreign) { return plain(foreign.name) == wanted; });
  if (found == std::end(kForeign)) return {};
  return fmt::format("{}'s {} is {}", found->tool, option, found->ours);
}

}  // namespace vitro::cli
