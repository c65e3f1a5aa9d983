#include "backends/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "backends/count_allocations.h"
#include "backends/guarded_run.h"
#include "backends/host_lane.h"
#include "backends/numbers.h"
#include "core/check.h"
#include "core/convert.h"
#include "floats.h"
#include "ir/builder.h"
#include "ir/op_info.h"
#include "metric.h"
#include "models/models.h"
#include "ops/cases.h"
#include "ops/oracle.h"
#include "ops/random.h"
#include "tolerances.h"

namespace vitro {
namespace {

const Backend& reference() { return find_backend("reference"); }

void expect_agrees(const Graph& graph, std::span<const Tensor> inputs) {
  const auto executable = compile_for(reference(), graph, inputs);
  const auto results = GuardedRun(reference(), *executable, inputs).run();
  const auto expected = evaluate(graph, inputs);
  ASSERT_EQ(results.size(), expected.size());
  for (size_t i = 0; i < results.size(); ++i) {
    const Distance d = distance<float, double>(results[i], expected[i]);
    EXPECT_TRUE(d.within(kReferenceFusedOp)) << i << ": " << report(d, kReferenceFusedOp);
  }
}

template <typename Function>
void expect_error(ErrorCode code, const std::vector<std::string>& texts, Function function) {
  try {
    function();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    const std::string message = error.what() + ("\n" + error.hint());
    for (const std::string& text : texts)
      EXPECT_NE(message.find(text), std::string::npos) << message << " lacks " << text;
  }
}

Graph small_model() {
  RandomWeights weights(7);
  ModelOptions options;
  options.num_classes = 10;
  options.height = options.width = 32;
  options.stage_outputs = true;
  return build_uniformer(find_model("uniformer_small"), options, weights);
}

std::vector<Tensor> images(int64_t count) {
  return {Random("images").tensor({count, 3, 32, 32}, -2, 2)};
}

/// The caller's side of a run: everything allocated beforehand.
struct Caller {
  Caller(const Backend& backend, const Executable& executable)
      : lane(backend.make_lane({executable.threads()})), context(executable.on(*lane)) {
    for (const TensorType& type : executable.outputs()) outputs.emplace_back(type.dims);
    for (const Tensor& output : outputs) targets.push_back(output.view());
  }
  void run(const Tensor& input) { context->run({&input.view(), 1}, targets, nullptr); }
  std::unique_ptr<Lane> lane;
  std::unique_ptr<Context> context;
  std::vector<Tensor> outputs;
  std::vector<TensorView> targets;
};

/// A thread that begins late, on a busy machine, allocates when a sanitizer is in it.
void await_threads(Lane& lane) {
  auto* host = dynamic_cast<HostLane*>(&lane);
  if (!host) return;
  ThreadTeam& team = host->team();
  std::vector<std::atomic<bool>> seen(static_cast<size_t>(team.size()));
  const auto all_seen = [&] {
    return std::ranges::all_of(seen, [](auto& one) { return one.load(); });
  };
  while (!all_seen())
    team.parallel_for(team.size(),
                      [&](int64_t, int thread) { seen[static_cast<size_t>(thread)] = true; });
}

// The first test: the driver of a GPU has threads of its own, which allocate once it has been used.
TEST(ProgramMemory, RunsWithoutAllocating) {
  const Graph graph = small_model();
  const std::vector<Tensor> inputs = images(1);
  const auto rows = backend_rows();  // hosts last, so from the end
  for (auto it = rows.rbegin(); it != rows.rend(); ++it) {
    const BackendRow& row = *it;
    if (why_unavailable(row)) continue;
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(std::string(row.name) + ", threads " + std::to_string(threads));
      const auto executable = compile_for(*row.backend, graph, inputs, threads);
      Caller caller(*row.backend, *executable);
      caller.run(inputs[0]);
      await_threads(*caller.lane);
      const size_t before = num_allocations();
      caller.run(inputs[0]);
      EXPECT_EQ(num_allocations() - before, 0u);
    }
  }
  const size_t before = num_allocations();
  const std::vector<int> probe(100);
  EXPECT_GT(num_allocations(), before) << "the counter does not count";
}

TEST(ProgramMemory, RunsOfEveryOpAllocateNothing) {
  const Backend& cpu = find_backend("cpu");
  for (const OpCase& op_case : op_cases()) {
    const Graph graph = op_case.build();
    const std::vector<Tensor> inputs = case_inputs(op_case, graph);
    const auto executable = compile_for(cpu, graph, inputs, 2);
    Caller caller(cpu, *executable);
    std::vector<TensorView> sources;
    for (const Tensor& input : inputs) sources.push_back(input.view());
    caller.context->run(sources, caller.targets, nullptr);
    await_threads(*caller.lane);
    const size_t before = num_allocations();
    caller.context->run(sources, caller.targets, nullptr);
    EXPECT_EQ(num_allocations() - before, 0u) << op_case.name;
  }
}

TEST(FindBackend, KnowsItsNames) {
  EXPECT_STREQ(find_backend("reference").name(), "reference");
  EXPECT_NO_THROW(find_backend("auto"));
  for (const BackendRow& row : backend_rows()) {
    if (!row.backend) continue;
    EXPECT_STREQ(row.backend->name(), row.name);
    if (why_unavailable(row)) continue;
    EXPECT_FALSE(row.backend->describe().empty());
  }
}

TEST(FindBackend, RefusesAnUnknownName) {
  expect_error(ErrorCode::NotFound, {"'tpu'", "auto", "reference"}, [] { find_backend("tpu"); });
}

TEST(Program, ReshapesAreViews) {
  GraphBuilder builder;
  ValueId x = builder.input("x", {2, 3, 4, 5});
  x = builder.op(UnaryFunction::Gelu, x, "a");
  x = builder.op(OpKind::Reshape, ReshapeAttrs{{0, -1, 5}}, {x}, "tokens");
  x = builder.op(UnaryFunction::Gelu, x, "b");
  x = builder.op(OpKind::Reshape, ReshapeAttrs{{6, 20}}, {x}, "rows");
  x = builder.op(OpKind::Softmax, {}, {x}, "c");
  x = builder.op(OpKind::Reshape, ReshapeAttrs{{-1}}, {x}, "flat");
  const Graph graph = builder.finish({x});
  const std::vector<Tensor> inputs{Random("views").tensor({2, 3, 4, 5}, -1, 1)};
  const auto executable = compile_for(reference(), graph, inputs);
  EXPECT_EQ(executable->dispatch().size(), 3u);
  EXPECT_EQ(executable->outputs()[0].dims, Dims{120});
  // The two results that are not the caller's take the same memory, one after the other.
  EXPECT_EQ(executable->memory().arena, 512u);
  expect_agrees(graph, inputs);
}

TEST(Program, ArithmeticOnShapesRunsNothing) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3, 4});
  const ValueId shape = builder.op(OpKind::Shape, {}, {x}, "shape");
  const int64_t order[] = {1, 0, 2};
  const ValueId indices = builder.constant("order", make_constant(Dims{3}, order));
  const ValueId dims = builder.op(OpKind::Gather, GatherAttrs{0}, {shape, indices}, "gather");
  const ValueId y = builder.op(OpKind::Reshape, ReshapeAttrs{}, {x, dims}, "reshape");
  const Graph graph = builder.finish({builder.op(UnaryFunction::Gelu, y, "gelu"), dims});
  const TensorType type{DType::Float32, {5, 3, 4}};
  PlanCache cache;
  const auto executable = reference().compile({graph, {&type, 1}, cache});
  EXPECT_EQ(executable->steps().size(), 1u);
  EXPECT_EQ(executable->outputs()[0].dims, (Dims{3, 5, 4}));
  // The elements themselves may be a result.
  const Tensor in({5, 3, 4}), out({3, 5, 4}), dims_out(DType::Int64, {3});
  const std::vector<TensorView> outputs{out.view(), dims_out.view()};
  const auto lane = reference().make_lane({});
  executable->on(*lane)->run({&in.view(), 1}, outputs, nullptr);
  const auto result = dims_out.as<int64_t>();
  EXPECT_EQ(Ints(result.begin(), result.end()), (Ints{3, 5, 4}));
}

TEST(Program, RunsOpsWhoseFirstResultNobodyReads) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 4});
  const auto parts = builder.ops(OpKind::Split, SplitAttrs{1, {3, 1}}, {x}, 2, "split");
  const auto top = builder.ops(OpKind::TopK, TopKAttrs{1, 2}, {x}, 2, "top");
  Graph graph = builder.finish({parts[1], top[1]});
  remove_dead(graph);
  ASSERT_EQ(graph.nodes[0].outputs[0], kAbsent);
  Tensor in({1, 4});
  std::ranges::copy(std::vector<float>{3, 9, 5, 7}, in.as<float>().begin());
  for (const char* backend : {"reference", "cpu"}) {
    const auto executable = compile_for(find_backend(backend), graph, {&in, 1});
    EXPECT_EQ(executable->dispatch()[1].output, (Dims{1, 2})) << backend;
    const Tensor last({1, 1}), positions(DType::Int64, {1, 2});
    const std::vector<TensorView> outputs{last.view(), positions.view()};
    const auto lane = find_backend(backend).make_lane({});
    executable->on(*lane)->run({&in.view(), 1}, outputs, nullptr);
    EXPECT_EQ(last.as<float>()[0], 7.0f) << backend;
    const auto result = positions.as<int64_t>();
    EXPECT_EQ(Ints(result.begin(), result.end()), (Ints{1, 3})) << backend;
  }
}

/// x [2, 6] -> layer_norm -> linear of a weight that is an input too -> gelu, in one type.
Graph network_of(DType dtype) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 6}, dtype), w = builder.input("w", {4, 6}, dtype);
  const ValueId norm = builder.op(OpKind::LayerNorm, {}, {x}, "norm");
  const ValueId y = builder.op(OpKind::Linear, {}, {norm, w}, "linear");
  return builder.finish({builder.op(UnaryFunction::Gelu, y, "gelu")});
}

std::vector<float> run_bfloat16(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> rounded;
  std::vector<TensorView> views;
  for (const Tensor& tensor : inputs) {
    rounded.emplace_back(DType::BFloat16, tensor.dims());
    std::ranges::transform(tensor.as<float>(), rounded.back().as<BFloat16>().begin(),
                           [](float value) { return BFloat16{float32_to_bfloat16(value)}; });
    views.push_back(rounded.back().view());
  }
  PlanCache cache;
  const std::vector<TensorType> types = types_of(rounded);
  const auto executable = find_backend("cpu").compile({graph, types, cache});
  EXPECT_EQ(executable->outputs()[0].dtype, DType::BFloat16);
  const Tensor result(DType::BFloat16, executable->outputs()[0].dims);
  HostLane lane({});
  GuardedBuffer workspace(executable->memory().arena);
  lane.borrow({workspace.data(), workspace.size()});
  executable->on(lane)->run(views, {&result.view(), 1}, nullptr);
  EXPECT_TRUE(workspace.intact());
  std::vector<float> values;
  for (const BFloat16 element : result.as<BFloat16>())
    values.push_back(bfloat16_to_float32(element.bits));
  return values;
}

TEST(Program, RunsInOtherFloats) {
  const std::vector<Tensor> inputs{Random("x").tensor({2, 6}, -1, 1),
                                   Random("w").tensor({4, 6}, -1, 1)};
  const std::vector<double> expected = evaluate(network_of(DType::Float32), inputs)[0];
  const std::vector<float> values = run_bfloat16(network_of(DType::BFloat16), inputs);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], kBFloat16Network) << i;
}

TEST(Program, RefusesAForeignOpByItsName) {
  ForeignAttrs attrs;
  attrs.name = "DeformConv";
  attrs.results = {{DType::Float32, {1, 2}}};
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 2});
  const Graph graph = builder.finish({builder.op(OpKind::Foreign, attrs, {x}, "head")});
  const TensorType type{DType::Float32, {1, 2}};
  for (const char* name : {"reference", "cpu"})
    expect_error(ErrorCode::Unsupported, {name, "no implementation of DeformConv 'head'"}, [&] {
      PlanCache cache;
      find_backend(name).compile({graph, {&type, 1}, cache});
    });
}

TEST(Program, OutputsMayRepeatAndMayBeInputsOrConstants) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 6});
  const ValueId c = builder.constant("c", Random("c").constant({6}, -1, 1));
  const ValueId sum = builder.op(BinaryFunction::Add, x, c, "sum");
  const ValueId view = builder.op(OpKind::Reshape, ReshapeAttrs{{3, 4}}, {sum}, "view");
  const ValueId input_view = builder.op(OpKind::Reshape, ReshapeAttrs{{12}}, {x}, "input_view");
  const ValueId product = builder.op(BinaryFunction::Mul, sum, sum, "product");
  const Graph graph = builder.finish({view, x, sum, c, product, input_view, sum});
  expect_agrees(graph, std::vector<Tensor>{Random("outputs").tensor({2, 6}, -1, 1)});
}

TEST(Program, WorksInPlaceOnlyWhereNobodyElseReads) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {4, 16});
  const ValueId a = builder.op(UnaryFunction::Gelu, x, "a");
  const ValueId b = builder.op(OpKind::Softmax, {}, {a}, "b");  // a is read again below
  const ValueId c = builder.op(UnaryFunction::Gelu, b, "c");
  const ValueId d = builder.op(BinaryFunction::Add, c, a, "d");
  const ValueId e = builder.op(BinaryFunction::Mul, d, d, "e");
  const ValueId f = builder.op(BinaryFunction::Add, e, x, "f");
  const Graph graph = builder.finish({builder.op(UnaryFunction::Gelu, f, "g")});
  expect_agrees(graph, std::vector<Tensor>{Random("in place").tensor({4, 16}, -1, 1)});
}

TEST(Program, ServesOtherShapesThanTheDefault) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {1, 4, 4, 8});
  const Constant weight = Random("weight").constant({3, 3, 8}, -1, 1);
  const ValueId y = builder.op(OpKind::DepthwiseConv2d, Conv2dAttrs{{1, 1}, {1, 1, 1, 1}},
                               {x, builder.constant("weight", weight)}, "conv");
  const Graph graph = builder.finish(
      {builder.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Mean, {1, 2}}, {y}, "m")});
  expect_agrees(graph, std::vector<Tensor>{Random("shape").tensor({3, 9, 5, 8}, -1, 1)});
  expect_error(ErrorCode::InvalidArgument, {"depthwise_conv2d", "'conv'"}, [&] {
    compile_for(reference(), graph, std::vector<Tensor>{Tensor({1, 4, 4, 9})});
  });
}

TEST(Program, RefusesNoThreads) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3});
  const Graph graph = builder.finish({builder.op(UnaryFunction::Gelu, x, "a")});
  for (const int threads : {0, -1})
    expect_error(ErrorCode::InvalidArgument, {"threads"}, [&] {
      compile_for(reference(), graph, std::vector<Tensor>{Tensor({3})}, threads);
    });
}

std::optional<Refusal> refuse(const OpContext&) { return Refusal{"only on Sundays"}; }
constexpr Impl kRefusing{"test:never", refuse, nullptr};
ImplList no_impls(OpKind) { return {}; }
ImplList refusing_impls(OpKind) { return {&kRefusing, 1}; }

TEST(Program, SaysWhoRefusedAnOp) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3});
  const Graph graph = builder.finish({builder.op(UnaryFunction::Gelu, x, "block.act")});
  const std::vector<TensorType> types{{DType::Float32, {3}}};
  PlanCache cache;
  expect_error(ErrorCode::Unsupported, {"'bare'", "gelu", "'block.act'"}, [&] {
    compile_program({graph, types, cache}, no_impls, "bare");
  });
  expect_error(ErrorCode::Unsupported, {"test:never", "only on Sundays"}, [&] {
    compile_program({graph, types, cache}, refusing_impls, "bare");
  });
}

TEST(Reference, TakesComputedWeights) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {3, 17}), weight = builder.input("weight", {5, 17});
  const ValueId y = builder.op(OpKind::Linear, {}, {x, weight}, "linear");
  const Graph graph = builder.finish({y});
  Random random("computed");
  expect_agrees(graph,
                std::vector<Tensor>{random.tensor({3, 17}, -1, 1), random.tensor({5, 17}, -1, 1)});
}

TEST(Reference, MaximumWithNaNIsNaN) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3});
  const Graph graph = builder.finish(
      {builder.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Max, {1}}, {x}, "max")});
  std::vector<Tensor> inputs{Tensor({2, 3})};
  std::ranges::copy(
      std::array{1.0f, std::numeric_limits<float>::quiet_NaN(), 2.0f, -3.0f, -1.0f, -2.0f},
      inputs[0].as<float>().begin());
  const auto executable = compile_for(reference(), graph, inputs);
  const auto results = GuardedRun(reference(), *executable, inputs).run();
  EXPECT_TRUE(std::isnan(results[0][0]));
  EXPECT_EQ(results[0][1], -1.0f);
}

TEST(Program, AnEmptyBatchRunsNothing) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {2, 3}, DType::Float32, {{"n", 0, 8, 1}, {"", 3, 3, 1}});
  const ValueId gelu = builder.op(UnaryFunction::Gelu, x, "gelu");
  const Graph graph = builder.finish(
      {gelu, builder.op(OpKind::Reduce, ReduceAttrs{ReduceFunction::Max, {0}}, {gelu}, "peak")});
  const std::vector<Tensor> inputs{Tensor({0, 3})};
  for (const BackendRow& row : backend_rows()) {
    if (why_unavailable(row)) continue;
    SCOPED_TRACE(row.name);
    const auto executable = compile_for(*row.backend, graph, inputs, 1);
    const auto results = GuardedRun(*row.backend, *executable, inputs).run();
    EXPECT_TRUE(results[0].empty());
    // The maximum of nothing.
    EXPECT_EQ(results[1], std::vector<float>(3, -std::numeric_limits<float>::infinity()));
    EXPECT_EQ(executable->steps().size(), 1u);
  }
}

TEST(Program, WholeModelAgreesWithDoublePrecisionOnEveryBackend) {
  const Graph graph = small_model();
  const std::vector<Tensor> inputs = images(2);
  const auto expected = evaluate(graph, inputs);
  for (const BackendRow& row : backend_rows()) {
    if (why_unavailable(row)) continue;
    for (const Precision precision :
         {Precision::Float32, Precision::TensorFloat32, Precision::Float16, Precision::BFloat16}) {
      if (!has_precision(*row.backend, precision)) continue;
      SCOPED_TRACE(row.name + (", " + to_string(precision)));
      const auto executable = compile_for(*row.backend, graph, inputs, 2, nullptr, precision);
      const auto results = GuardedRun(*row.backend, *executable, inputs).run();
      ASSERT_EQ(results.size(), expected.size());
      const Tolerance bound = model_tolerance(precision);
      for (size_t i = 0; i < results.size(); ++i) {
        const Distance d = distance<float, double>(results[i], expected[i]);
        EXPECT_TRUE(d.within(bound)) << i << ": " << report(d, bound);
      }
    }
  }
}

/// With plain products in place of the ops that fuse them.
Graph with_plain_products(Graph graph) {
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].body && !op_info(graph.nodes[i].kind).matrices.empty())
      inline_body(graph, i);
  return graph;
}

TEST(Program, BFloat16RoundsOperandsOfProductsAlone) {
  const Backend& backend = find_backend("cpu");
  if (!has_precision(backend, Precision::BFloat16)) GTEST_SKIP() << "no bf16 on this machine";
  const Graph graph = small_model();
  const std::vector<Tensor> inputs = images(2);
  const auto run = [&](const Graph& of, int threads, Precision precision) {
    const auto executable = compile_for(backend, of, inputs, threads, nullptr, precision);
    return GuardedRun(backend, *executable, inputs).run();
  };
  const auto results = run(graph, 1, Precision::BFloat16);
  EXPECT_EQ(results, run(graph, 2, Precision::BFloat16));
  // Were anything else rounded, fused ops would differ from plain ones, whose values are in memory.
  EXPECT_EQ(results, run(with_plain_products(graph), 2, Precision::BFloat16));
  EXPECT_NE(results, run(graph, 1, Precision::Float32));
}

TEST(Program, ThreadsMayShareAnExecutable) {
  const Graph graph = small_model();
  const std::vector<Tensor> inputs = images(1);
  for (const BackendRow& row : backend_rows()) {
    if (why_unavailable(row)) continue;
    SCOPED_TRACE(row.name);
    const auto executable = compile_for(*row.backend, graph, inputs, 1);
    Caller expected(*row.backend, *executable), a(*row.backend, *executable),
        b(*row.backend, *executable);
    expected.run(inputs[0]);
    std::thread first([&] { a.run(inputs[0]); });
    std::thread second([&] { b.run(inputs[0]); });
    first.join();
    second.join();
    for (size_t i = 0; i < expected.outputs.size(); ++i) {
      EXPECT_EQ(test::floats(a.outputs[i]), test::floats(expected.outputs[i]));
      EXPECT_EQ(test::floats(b.outputs[i]), test::floats(expected.outputs[i]));
    }
  }
}

}  // namespace
}  // namespace vitro
