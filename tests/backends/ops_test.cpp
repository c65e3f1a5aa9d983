#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "backends/float_products.h"
#include "backends/guarded_run.h"
#include "backends/numbers.h"
#include "ir/op_info.h"
#include "metric.h"
#include "ops/cases.h"
#include "ops/oracle.h"
#include "vitro/error.h"

namespace vitro {
namespace {

using Results = std::vector<std::vector<float>>;

/// A backend, and what it computes in.
struct Target {
  const BackendRow* row;
  Precision precision;

  std::string name() const {
    const bool only = precision == Precision::Default;
    return only ? row->name : row->name + ("_" + to_string(precision));
  }
};

/// Whether a product is in 8 bits, which a backend may do without.
bool has_float_products(const Graph& graph) {
  PlanCache cache;
  return with_float_products(graph, cache).has_value();
}

/// Every case on one backend.
class Ops : public ::testing::TestWithParam<std::tuple<Target, const OpCase*>> {
 protected:
  void SetUp() override {
    if (const auto refusal = why_unavailable(row())) GTEST_SKIP() << refusal->reason;
    if (row().name != std::string("cuda")) return;
    if (has_float_products(op_case().build()) && !rounds_to_float8())
      GTEST_SKIP() << "it multiplies floats in place of codes: float_products_test";
    // It has the ops of its models, not all; what the models are fused into it never refuses.
    try {
      const Graph graph = op_case().build();
      compile(graph, inputs_of(graph), 1);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Unsupported || op_info(op_case().kind).fused) throw;
      GTEST_SKIP() << error.what();
    }
  }
  const BackendRow& row() const { return *target().row; }
  const Target& target() const { return std::get<0>(GetParam()); }
  const OpCase& op_case() const { return *std::get<1>(GetParam()); }

  /// The cpu backend rounds operands of products and nothing else, which the oracle does as well.
  bool rounds_products() const {
    return row().name == std::string("cpu") && target().precision == Precision::BFloat16;
  }
  std::vector<std::vector<double>> expected_of(const Graph& graph,
                                               std::span<const Tensor> inputs) const {
    return evaluate(graph, inputs, rounds_products() ? target().precision : Precision::Default);
  }

  /// Where the cuda backend multiplies no codes, it rounds to 8-bit floats, as the oracle does.
  bool rounds_to_float8() const {
    return op_case().name.find("float8") != std::string::npos &&
           (target().precision == Precision::Float32 ||
            target().precision == Precision::TensorFloat32);
  }
  bool is_quantized() const { return op_case().name.find("quantized") != std::string::npos; }
  bool has_weights() const { return !op_info(op_case().kind).matrices.empty(); }

  Tolerance tolerance() const {
    const OpKind kind = op_case().kind;
    if (rounds_products())
      return kind == OpKind::Attention || kind == OpKind::AttentionBlock ? kBFloat16Attention
                                                                         : kBFloat16Products;
    const Precision precision = target().precision;
    if (op_case().name == "mlp_float8" && precision != Precision::Default &&
        precision != Precision::Float32)
      return kFloat8Chain;
    if (target().name() != "reference") return op_tolerance(target().precision);
    return op_info(op_case().kind).fused ? kReferenceFusedOp : kReferenceOp;
  }

  std::vector<Tensor> inputs_of(const Graph& graph) const {
    std::vector<Tensor> inputs = case_inputs(op_case(), graph);
    if (!rounds_products())
      for (Tensor& input : inputs) round_to(target().precision, input);
    return inputs;
  }

  std::unique_ptr<Executable> compile(const Graph& graph, std::span<const Tensor> inputs,
                                      int threads, const TacticTable* tactics = nullptr) const {
    return compile_for(*row().backend, graph, inputs, threads, tactics, target().precision);
  }
};

bool same_bits(const Results& a, const Results& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].size() != b[i].size() ||
        std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)) != 0)
      return false;
  return true;
}

template <typename R>
void expect_close(const Results& results, const std::vector<std::vector<R>>& expected,
                  const Tolerance& bound) {
  ASSERT_EQ(results.size(), expected.size());
  for (size_t i = 0; i < results.size(); ++i) {
    const Distance d = distance<float, R>(results[i], expected[i]);
    EXPECT_TRUE(d.within(bound)) << "output " << i << ": " << report(d, bound);
    ::testing::Test::RecordProperty("distance", report(d, bound));
  }
}

TEST_P(Ops, AgreesWithDoublePrecision) {
  const Graph graph = op_case().build();
  const std::vector<Tensor> inputs = inputs_of(graph);
  const auto expected = expected_of(graph, inputs);
  Results first;
  for (const int threads : {1, 2}) {
    SCOPED_TRACE(threads);
    const auto executable = compile(graph, inputs, threads);
    GuardedRun run(*row().backend, *executable, inputs);
    const Results results = run.run();
    expect_close(results, expected, tolerance());
    EXPECT_TRUE(same_bits(run.run(), results)) << "a second run gave other bits";
    if (first.empty()) first = results;
    EXPECT_TRUE(same_bits(results, first)) << "the number of threads changed the bits";
  }
}

// What tuning may choose is as good as what runs untuned.
TEST_P(Ops, EveryCandidateAgreesToo) {
  const Graph graph = op_case().build();
  const std::vector<Tensor> inputs = inputs_of(graph);
  const auto expected = expected_of(graph, inputs);
  const auto usual = compile(graph, inputs, 1);
  if (usual->dispatch().empty()) return;  // a view
  for (const char* candidate : usual->dispatch()[0].candidates) {
    SCOPED_TRACE(candidate);
    const TacticTable tactics{{usual->dispatch()[0].key, {candidate, {}}}};
    Results first;
    for (const int threads : {1, 2}) {
      const auto executable = compile(graph, inputs, threads, &tactics);
      const Dispatch& dispatch = executable->dispatch()[0];
      if (!dispatch.refused.empty()) continue;  // too few rows for two threads
      EXPECT_STREQ(dispatch.chosen, candidate);
      const Results results = GuardedRun(*row().backend, *executable, inputs).run();
      expect_close(results, expected, tolerance());
      if (first.empty()) first = results;
      EXPECT_TRUE(same_bits(results, first)) << "the number of threads changed the bits";
    }
  }
}

// A plan keeps the forms that a backend reads: they are its weights to every backend.
TEST_P(Ops, WeightsMayBeStoredInTheFormsOfABackend) {
  Graph graph = op_case().build();
  const std::vector<Tensor> inputs = inputs_of(graph);
  const std::vector<TensorType> types = types_of(inputs);
  const Results expected = GuardedRun(*row().backend, *compile(graph, inputs, 1), inputs).run();
  for (const BackendRow& other : backend_rows()) {
    if (!other.backend || other.backend->packed_forms().empty()) continue;
    const auto forms = other.backend->packed_forms();
    PlanCache cache({forms.begin(), forms.end()});
    other.backend->compile({graph, types, cache});
    for (const auto& [rows, packed] : cache.storable())
      for (Value& value : graph.values)
        if (value.constant && value.constant->bytes.data() == rows) value.constant = packed;
    verify(graph);
    PlanCache fresh({forms.begin(), forms.end()});
    const auto executable = row().backend->compile(
        {.graph = graph, .inputs = types, .cache = fresh, .precision = target().precision});
    EXPECT_TRUE(same_bits(GuardedRun(*row().backend, *executable, inputs).run(), expected));
  }
}

/// The cases of fused ops.
class FusedOps : public Ops {};

TEST_P(FusedOps, EqualTheirBody) {
  Graph graph = op_case().build();
  const std::vector<Tensor> inputs = inputs_of(graph);
  const auto fused = compile(graph, inputs, 2);
  const Results expected = GuardedRun(*row().backend, *fused, inputs).run();
  inline_body(graph, 0);
  verify(graph);
  const auto inlined = compile(graph, inputs, 2);
  const Results results = GuardedRun(*row().backend, *inlined, inputs).run();
  // The plain ops that attention is made of are of float32 on the cpu.
  const bool rounded = !rounds_products() || op_case().kind != OpKind::Attention;
  expect_close(results, expected,
               target().precision == Precision::Default
                   ? kFloat32Op
                   : between(rounded ? tolerance() : op_tolerance(target().precision)));
  const bool exact =
      target().name() == "cpu" ? is_quantized() : rounds_products() && !is_quantized();
  if (exact && has_weights()) {
    EXPECT_TRUE(same_bits(results, expected));
  }
}

std::vector<Target> all_targets() {
  std::vector<Target> targets;
  for (const BackendRow& row : backend_rows()) {
    if (std::string(row.name) != "cuda") {
      targets.push_back({&row, Precision::Default});
      if (has_precision(*row.backend, Precision::BFloat16))
        targets.push_back({&row, Precision::BFloat16});
      continue;
    }
    for (const Precision precision :
         {Precision::Float32, Precision::TensorFloat32, Precision::Float16, Precision::BFloat16})
      targets.push_back({&row, precision});
  }
  return targets;
}

std::vector<const OpCase*> cases_where(bool (*wanted)(const OpInfo&)) {
  std::vector<const OpCase*> cases;
  for (const OpCase& op_case : op_cases())
    if (wanted(op_info(op_case.kind))) cases.push_back(&op_case);
  return cases;
}

std::string test_name(const ::testing::TestParamInfo<Ops::ParamType>& info) {
  return std::get<0>(info.param).name() + "_" + std::get<1>(info.param)->name;
}

INSTANTIATE_TEST_SUITE_P(Backends, Ops,
                         ::testing::Combine(::testing::ValuesIn(all_targets()),
                                            ::testing::ValuesIn(cases_where([](const OpInfo&) {
                                              return true;
                                            }))),
                         test_name);

INSTANTIATE_TEST_SUITE_P(Backends, FusedOps,
                         ::testing::Combine(::testing::ValuesIn(all_targets()),
                                            ::testing::ValuesIn(cases_where([](const OpInfo& op) {
                                              return op.fused;
                                            }))),
                         test_name);

TEST(OpCases, CoverEveryFusedOpUnderUniqueNames) {
  std::set<std::string> names;
  std::set<OpKind> kinds;
  for (const OpCase& op_case : op_cases()) {
    EXPECT_TRUE(names.insert(op_case.name).second) << op_case.name;
    kinds.insert(op_case.kind);
    const Graph graph = op_case.build();
    ASSERT_EQ(graph.nodes.size(), 1u) << op_case.name;
    EXPECT_EQ(graph.nodes[0].kind, op_case.kind) << op_case.name;
  }
  // Plain ops have ONNX's vectors, or a case: vectors_test.
  for (int i = 0; i < kNumOpKinds; ++i) {
    const OpInfo& info = op_info(static_cast<OpKind>(i));
    EXPECT_TRUE(!info.fused || kinds.contains(info.kind)) << info.name;
  }
}

// A profile compares it with the peak of products in 8 bits.
TEST(OpCases, WhatIsRoundedIsNotMultipliedInEightBits) {
  for (const OpCase& op_case : op_cases()) {
    if (op_case.kind != OpKind::QuantizedLinear) continue;
    const Graph graph = op_case.build();
    const auto program = compile_for(find_backend("cpu"), graph, case_inputs(op_case, graph));
    EXPECT_EQ(program->steps()[0].sections[0].quantized,
              graph.value(graph.nodes[0].inputs[1]).type.dtype == DType::Int8)
        << op_case.name;
  }
}

TEST(OpCases, CoverTheVariantsOfEveryMachine) {
  std::set<std::string> seen;
  for (const OpCase& op_case : op_cases()) {
    const Graph graph = op_case.build();
    const auto program = compile_for(find_backend("cpu"), graph, case_inputs(op_case, graph));
    for (const Dispatch& dispatch : program->dispatch())
      seen.insert(dispatch.candidates.begin(), dispatch.candidates.end());
  }
  for (const char* id : {"cpu:conv2d_panel16",
                         "cpu:conv2d_direct",
                         "cpu:conv2d_groups",
                         "cpu:conv2d_multiplier",
                         "cpu:conv2d_winograd",
                         "cpu:conv2d_winograd/2x2",
                         "cpu:conv2d_winograd/4x4",
                         "cpu:quantized_linear_panel16x4",
                         "cpu:quantized_conv_panel16x4",
                         "cpu:quantized_linear_rounded",
                         "cpu:quantized_conv_rounded",
                         "cpu:batch_norm_rows",
                         "cpu:group_norm_maps",
                         "cpu:unary_range",
                         "cpu:clip_range",
                         "cpu:binary_range",
                         "cpu:pool_windows",
                         "cpu:softmax_columns",
                         "cpu:reduce_rows",
                         "cpu:reduce_tokens",
                         "cpu:reduce_steps",
                         "cpu:cum_sum_tokens",
                         "cpu:matmul_batched",
                         "cpu:transpose_copy",
                         "cpu:slice_copy",
                         "cpu:expand_copy",
                         "cpu:concat_copy",
                         "cpu:pad_copy",
                         "cpu:gather_runs",
                         "cpu:gather_elements_rows",
                         "cpu:scatter_nd_rows",
                         "cpu:top_k_sort",
                         "cpu:mlp_phased",
                         "cpu:mlp_banded/48",
                         "cpu:mlp_banded/96",
                         "cpu:mlp_banded/192",
                         "cpu:mlp_banded/384",
                         "cpu:local_mixer_phased/112",
                         "cpu:local_mixer_phased/448",
                         "cpu:attention_block_phased/392",
                         "cpu:attention_block_phased/784"})
    EXPECT_TRUE(seen.contains(id)) << id;
}

TEST(Operators, AreAllDocumented) {
  std::ifstream file(std::string(VITRO_SOURCE_DIR) + "/docs/operators.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  for (int i = 0; i < kNumOpKinds; ++i) {
    for (const std::string name : op_names(op_info(static_cast<OpKind>(i))))
      EXPECT_TRUE(page.find("| `" + name + "`") != std::string::npos ||
                  page.find(", `" + name + "`") != std::string::npos)
          << name;
  }
}

}  // namespace
}  // namespace vitro
