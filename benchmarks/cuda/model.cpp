// Whole models on the cuda backend: CUDA graphs replayed back to back, and calls one at a time.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "backends/cuda/cuda_backend.h"
#include "measure/statistics.h"
#include "measure/synthetic_input.h"
#include "models/models.h"
#include "models/weights.h"
#include "passes/pipeline.h"
#include "runtime/interface.h"
#include "runtime/internals.h"
#include "runtime/plan_data.h"
#include "vitro/vitro.h"

namespace vitro {
namespace {

constexpr int kSamples = 15;
constexpr double kSampleSeconds = 0.02;

/// A plan or checkpoint; the name of an architecture stands for random weights.
Plan open(const std::string& model) {
  for (const UniFormerConfig& config : model_configs()) {
    if (config.name != model) continue;
    RandomWeights weights(7);
    auto data = std::make_shared<PlanData>();
    data->info.architecture = model;
    data->graph = build_uniformer(config, {}, weights);
    run_passes(data->graph, {});
    return Internals::plan(std::move(data));
  }
  return load_or_build(model, {});
}

nlohmann::ordered_json measure_steps(const Executable& executable, DeviceTimer& timer) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  const std::vector<double> ms = timer.steps(200);
  for (size_t s = 0; s < executable.steps().size(); ++s) {
    const StepInfo& info = executable.steps()[s];
    const double us = 1000 * ms[s + 1];
    fmt::print("  {:8.2f} us  {:<32} {}\n", us, info.impl, info.source);
    rows.push_back({{"source", info.source}, {"impl", info.impl}, {"us", us}});
  }
  return rows;
}

nlohmann::ordered_json measure_case(const Plan& plan, int64_t batch, const std::string& precision,
                                    bool steps) {
  const Backend& backend = *cuda_backend();
  const TensorType type{DType::Float32, default_dims(Internals::data(plan).graph, batch)};
  const auto executable = backend.compile({.graph = Internals::data(plan).graph,
                                           .inputs = {&type, 1},
                                           .cache = *Internals::data(plan).cache,
                                           .precision = parse_precision(precision).value()});
  const auto lane = backend.make_lane({});
  const auto context = executable->on(*lane);
  const Tensor input = synthetic_input(type.dims);
  const Tensor output(executable->outputs()[0].dims);
  std::vector<double> call_us, replay_us;
  for (int i = 0; i < kSamples + 2; ++i) {  // the first makes a graph
    const auto start = std::chrono::steady_clock::now();
    context->run({&input.view(), 1}, {&output.view(), 1}, nullptr);
    const std::chrono::duration<double, std::micro> call = std::chrono::steady_clock::now() - start;
    if (i >= 2) call_us.push_back(call.count());
  }
  const auto timer = context->timer();
  const double once = 1000 * timer->back_to_back(3);
  const int replays = std::max(3, static_cast<int>(1e6 * kSampleSeconds / once));
  for (int i = 0; i < kSamples; ++i) replay_us.push_back(1000 * timer->back_to_back(replays));
  fmt::print("{}, batch {:4} {}  {:9.1f} us a replay, {:9.1f} us a call, {} steps\n",
             plan.info().architecture, batch, precision, median(replay_us), median(call_us),
             executable->steps().size());
  nlohmann::ordered_json row{
      {"model", plan.info().architecture},
      {"batch", batch},
      {"precision", precision},
      {"replay_us", median(replay_us)},
      {"replay_min_us", *std::min_element(replay_us.begin(), replay_us.end())},
      {"call_us", median(call_us)},
      {"steps", executable->steps().size()},
      {"arena_bytes", executable->memory().arena}};
  if (steps) row["step_us"] = measure_steps(*executable, *timer);
  return row;
}

int run(int argc, char** argv) {
  CLI::App app("Times models on the cuda backend");
  std::string json;
  std::vector<std::string> models;
  std::vector<int64_t> batches{1, 8, 32, 128};
  std::vector<std::string> precisions{"fp16"};
  app.add_option("MODEL", models, "Plans, checkpoints or architectures")->required();
  app.add_option("--batch", batches)->delimiter(',');
  app.add_option("--precision", precisions)
      ->delimiter(',')
      ->check(CLI::IsMember({"fp32", "tf32", "fp16", "bf16"}));
  bool steps = false;
  app.add_flag("--steps", steps, "Also what each step adds to a graph");
  app.add_option("--json", json, "File to write");
  CLI11_PARSE(app, argc, argv);
  if (const auto refusal = cuda_backend()->available()) {
    fmt::print(stderr, "cuda: {}\n", refusal->reason);
    return 1;
  }
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const std::string& model : models) {
    const Plan plan = open(model);
    for (const std::string& precision : precisions)
      for (const int64_t batch : batches)
        rows.push_back(measure_case(plan, batch, precision, steps));
  }
  const nlohmann::ordered_json report{{"machine", cuda_backend()->machine()}, {"rows", rows}};
  if (!json.empty()) std::ofstream(json) << report.dump(1) << "\n";
  return 0;
}

}  // namespace
}  // namespace vitro

int main(int argc, char** argv) {
  try {
    return vitro::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
