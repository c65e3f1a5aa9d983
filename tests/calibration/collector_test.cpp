#include "calibration/collector.h"

#include <gtest/gtest.h>

#include "calibration/small_model.h"
#include "calibration/unfused.h"
#include "core/temporary_directory.h"
#include "ir/builder.h"
#include "measure/synthetic_input.h"
#include "runtime/engine.h"
#include "runtime/internals.h"
#include "runtime/small_plan.h"

namespace vitro::test {
namespace {

/// Runs a graph on two backends; what they read must be alike.
std::vector<TensorStatistics> statistics_of(const std::shared_ptr<const PlanData>& plan,
                                            const std::vector<CalibratedProduct>& products,
                                            const char* backend, const Tensor& images) {
  ThreadTeam team(2);
  Collector collector(plan->graph, products, team);
  Engine engine(Internals::plan(plan), {.backend = backend, .threads = 2});
  collector.begin(*engine.program(images.dims()), images.view());
  engine.run(images, &collector);
  collector.end();
  std::vector<TensorStatistics> statistics;
  for (size_t p = 0; p < products.size(); ++p) statistics.push_back(collector.input(p).statistics);
  return statistics;
}

void expect_alike(const std::shared_ptr<const PlanData>& plan,
                  const std::vector<CalibratedProduct>& products, const Tensor& images) {
  const auto a = statistics_of(plan, products, "cpu", images),
             b = statistics_of(plan, products, "reference", images);
  for (size_t p = 0; p < products.size(); ++p) {
    EXPECT_EQ(a[p].rows(), b[p].rows()) << products[p].name;
    EXPECT_GT(a[p].rows(), 0) << products[p].name;
    EXPECT_NEAR(a[p].min(), b[p].min(), 1e-3) << products[p].name;
    EXPECT_NEAR(a[p].max(), b[p].max(), 1e-3) << products[p].name;
    EXPECT_EQ(a[p].histogram().total(), b[p].histogram().total());
  }
}

TEST(Collector, SeesTheInputOfEveryProduct) {
  const TemporaryDirectory directory;
  write_small_model(directory / "m.onnx");
  const auto plan = unfused_plan(directory / "m.onnx", {});
  const auto [products, left_out] = find_products(plan->graph);
  ASSERT_EQ(products.size(), 3u);
  EXPECT_TRUE(left_out.empty());
  EXPECT_EQ(products[0].name, "stem");
  EXPECT_TRUE(products[0].padded);
  EXPECT_EQ(products[0].depth, 27);
  EXPECT_EQ(products[1].name, "mix");
  EXPECT_FALSE(products[1].padded);
  EXPECT_EQ(products[1].channels, 8);
  EXPECT_EQ(products[2].name, "head");
  EXPECT_EQ(products[2].outputs, 4);
  expect_alike(plan, products, synthetic_input({3, 3, 32, 32}));
}

TEST(Collector, SeesThroughTheBlocksOfAUniFormer) {
  auto plan = std::make_shared<PlanData>();
  plan->graph = small_unfused_graph();
  const std::vector<CalibratedProduct> products = find_products(plan->graph).products;
  EXPECT_EQ(products.size(), 8u) << "embed, two of each block, head";
  expect_alike(plan, products, random_images({2, 3, 16, 8}));
}

TEST(Collector, LooksThroughViewsOfTheInputOfTheGraph) {
  GraphBuilder builder;
  const ValueId x = builder.input("tokens", {2, 3, 4});
  const ValueId rows = builder.op(OpKind::Reshape, ReshapeAttrs{{6, 4}}, {x}, "rows");
  const std::vector<float> weights(8, 0.5f);
  const ValueId y =
      builder.op(OpKind::Linear, {},
                 {rows, builder.constant("w", make_constant({2, 4}, weights)), kAbsent}, "fc");
  auto plan = std::make_shared<PlanData>();
  plan->graph = builder.finish({y});
  const std::vector<CalibratedProduct> products = find_products(plan->graph).products;
  ASSERT_EQ(products.size(), 1u);
  EXPECT_EQ(products[0].input_names, std::vector<std::string>{"tokens"});
  Tensor input({2, 3, 4});
  for (size_t i = 0; i < 24; ++i) input.as<float>()[i] = static_cast<float>(i);
  const TensorStatistics statistics = statistics_of(plan, products, "cpu", input)[0];
  EXPECT_EQ(statistics.rows(), 6);
  EXPECT_EQ(statistics.channels()[3], (TensorStatistics::Channel{3, 23, 13, 1294.0 / 6}));
}

TEST(FindProducts, LeavesOutWhatHasNoNameOfItsOwn) {
  Graph graph = small_unfused_graph();
  const std::vector<CalibratedProduct> all = find_products(graph).products;
  graph.nodes[all[1].node].source = graph.nodes[all[2].node].source;
  graph.nodes[all[3].node].source = "";
  graph.nodes[all[4].node].source = std::string(5000, 'x');
  const FoundProducts found = find_products(graph);
  EXPECT_EQ(found.products.size(), all.size() - 4);
  ASSERT_EQ(found.left_out.size(), 3u);
  EXPECT_NE(found.left_out[0].find("2 products have this name"), std::string::npos);
  EXPECT_EQ(found.left_out[1], "a product without a name");
  EXPECT_NE(found.left_out[2].find("a name of 5000 bytes"), std::string::npos);
}

TEST(Collector, RowsOfConvolutionsAreWhatKernelsCover) {
  const TemporaryDirectory directory;
  write_small_model(directory / "m.onnx");
  const auto plan = unfused_plan(directory / "m.onnx", {});
  const CalibratedProduct stem = find_products(plan->graph).products[0];
  const Dims dims{2, 4, 6, 3}, output{2, 2, 3, 8};
  std::vector<float> input(static_cast<size_t>(num_elements(dims)));
  for (size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i + 1);
  const std::vector<float> weights = weights_of(plan->graph, stem);
  ASSERT_EQ(weights.size(), 8u * 27);
  std::vector<float> row(27);
  // Of image 1 at (0, 1): the taps (0, *) are above the picture, tap (1, 0) is pixel (0, 1).
  copy_row(plan->graph, stem, input, dims, output, 6 + 1, row);
  for (size_t i = 0; i < 9; ++i) EXPECT_EQ(row[i], 0);
  EXPECT_EQ(row[9], static_cast<float>(72 + 3 + 1));
  EXPECT_EQ(row[9 + 9 + 8], static_cast<float>(72 + 18 + 3 * 3 + 2 + 1));
}

}  // namespace
}  // namespace vitro::test
