#include "calibration/range_audit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "calibration/images.h"
#include "core/check.h"
#include "image/batch_reader.h"
#include "ir/op_info.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/model_input.h"
#include "runtime/plan_data.h"

namespace vitro {
namespace {

/// The plan with the ops inside of fused ones laid open.
struct OpenPlan {
  std::shared_ptr<const PlanData> plan;
  std::vector<size_t> origins;  ///< node of the plan that was given, by node

  explicit OpenPlan(const PlanData& given) {
    auto data = std::make_shared<PlanData>(given);
    data->cache = make_plan_cache();
    std::vector<Node>& nodes = data->graph.nodes;
    for (size_t i = 0; i < nodes.size(); ++i) origins.push_back(i);
    for (size_t i = 0; i < nodes.size();) {
      if (!nodes[i].body) {
        ++i;
        continue;
      }
      const size_t more = nodes[i].body->nodes.size() - 1;
      origins.insert(origins.begin() + static_cast<std::ptrdiff_t>(i), more, size_t{origins[i]});
      inline_body(data->graph, i);
    }
    plan = std::move(data);
  }
};

/// Infinite where one is no number.
float largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float v : values) {
    const float magnitude = std::abs(v);
    if (!(magnitude <= std::numeric_limits<float>::max()))
      return std::numeric_limits<float>::infinity();
    largest = std::max(largest, magnitude);
  }
  return largest;
}

/// Keeps the largest magnitude of the first result of each node. (Further results, of a split say,
/// are parts of what the node reads.)
class MagnitudeObserver final : public RunObserver {
 public:
  explicit MagnitudeObserver(size_t nodes) : largest_(nodes) {}
  void watch(const Executable& executable) { steps_ = executable.steps(); }
  void after_step(size_t step, std::span<const std::byte* const> outputs) override {
    const StepInfo& info = steps_[step];
    if (info.node == kNoNode || outputs.empty() || !outputs[0] ||
        info.output.dtype != DType::Float32)
      return;
    const auto* values = reinterpret_cast<const float*>(outputs[0]);
    float& largest = largest_[info.node];
    largest = std::max(
        largest, largest_magnitude({values, static_cast<size_t>(num_elements(info.output.dims))}));
  }
  const std::vector<float>& largest() const { return largest_; }

 private:
  std::span<const StepInfo> steps_;
  std::vector<float> largest_;
};

/// From what nodes make to what they read or make, for the nodes that were given.
std::vector<float> by_origin(const OpenPlan& open, const std::vector<float>& made, size_t nodes) {
  const Graph& graph = open.plan->graph;
  std::vector<float> by_value(graph.values.size()), result(nodes);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    float largest = made[i];
    for (ValueId id : node.inputs)
      if (id != kAbsent) largest = std::max(largest, by_value[static_cast<size_t>(id)]);
    // A view shows what it reads.
    const float shown = op_info(node.kind).has(View) ? largest : made[i];
    for (ValueId id : node.outputs)
      if (id != kAbsent) by_value[static_cast<size_t>(id)] = shown;
    result[open.origins[i]] = std::max(result[open.origins[i]], largest);
  }
  return result;
}

std::string note_of(const RangeAudit& audit, const Graph& graph) {
  const auto most = std::max_element(audit.largest.begin(), audit.largest.end());
  const auto kept = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                  [](const Node& node) { return node.keeps_float32; });
  std::string text = fmt::format(
      "range audit: on {} pictures the largest value is {:.4g}, of '{}', {:.2g} % of what float16 "
      "holds; ",
      audit.images, *most, graph.nodes[static_cast<size_t>(most - audit.largest.begin())].source,
      *most / 65504.0f * 100);
  if (kept == 0) return text + "no op has to keep float32";
  text += fmt::format("{} of {} ops keep float32 where a session is in float16:", kept,
                      graph.nodes.size());
  constexpr int kMostNamed = 10;
  int named = 0;
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].keeps_float32 && named++ < kMostNamed)
      text += fmt::format("{} {} '{}' ({:.4g})", named > 1 ? "," : "", op_name(graph.nodes[i]),
                          graph.nodes[i].source, audit.largest[i]);
  if (named > kMostNamed) text += fmt::format(" and {} more", named - kMostNamed);
  return text;
}

}  // namespace

std::optional<RangeAudit> audit_ranges(const Plan& plan, const std::filesystem::path& images,
                                       const CalibrateOptions& options) {
  const Preprocessing preprocessing = plan.classifier().preprocessing;
  const OpenPlan open(Internals::data(plan));
  CalibrationImages pictures = find_images(images);
  if (static_cast<int64_t>(pictures.images.size()) > options.max_images)
    keep_evenly(pictures, options.max_images);
  const int threads = options.threads > 0 ? options.threads : available_cores();
  ThreadTeam team(threads);
  Engine engine(Internals::plan(open.plan), {.backend = "cpu", .threads = threads, .streams = 1});
  const auto total = static_cast<int64_t>(pictures.images.size());
  const auto batch = static_cast<size_t>(std::min(options.batch, total));
  Tensor pixels({static_cast<int64_t>(batch), 3, preprocessing.height, preprocessing.width});
  BatchReader reader(preprocessing, pictures.images, team, {options.limits, options.on_failure});
  MagnitudeObserver observer(open.plan->graph.nodes.size());
  RangeAudit audit;
  while (true) {
    if (options.stop()) return std::nullopt;
    const size_t count = reader.read(pixels.as<float>(), batch).size();
    if (count == 0) break;
    TensorView read = pixels.view();
    read.dims[0] = static_cast<int64_t>(count);
    const Tensor input = input_of(plan, {std::move(read), std::make_shared<Tensor>(pixels)});
    const TensorView& view = input.view();
    const auto program = engine.program({&view, 1});
    std::vector<Tensor> results;
    std::vector<TensorView> views;
    for (const TensorType& type : program->outputs())
      views.push_back(results.emplace_back(type.dtype, type.dims).view());
    observer.watch(*program);
    engine.run({&view, 1}, views, {}, &observer);
    audit.images += view.dims[0];
    options.on_progress(static_cast<int64_t>(reader.next()), total);
  }
  check(audit.images > 0, ErrorCode::CorruptFile, "'{}': none of the pictures could be read",
        images.string());
  audit.largest = by_origin(open, observer.largest(), Internals::data(plan).graph.nodes.size());
  return audit;
}

std::optional<Plan> with_float32_islands(const Plan& plan, const std::filesystem::path& images,
                                         const CalibrateOptions& options) {
  const std::optional<RangeAudit> audit = audit_ranges(plan, images, options);
  if (!audit) return std::nullopt;
  auto data = std::make_shared<PlanData>(Internals::data(plan));
  for (size_t i = 0; i < audit->largest.size(); ++i)
    data->graph.nodes[i].keeps_float32 = audit->largest[i] > kLargestInFloat16;
  data->info.notes.push_back(note_of(*audit, data->graph));
  return Internals::plan(std::move(data));
}

}  // namespace vitro
