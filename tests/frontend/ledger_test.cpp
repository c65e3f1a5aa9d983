#include "frontend/checkpoint/ledger.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/checksum.h"
#include "core/temporary_directory.h"
#include "formats/safetensors.h"
#include "frontend/checkpoint/format.h"
#include "frontend/tensor_set.h"

namespace vitro {
namespace {

using test::add_tensor;
using test::expect_error;

std::filesystem::path core_fixture(const std::string& name) {
  return std::filesystem::path(VITRO_SOURCE_DIR) / "tests/formats/data" / name;
}

WeightLedger make_ledger(TensorFile file) {
  return WeightLedger(std::move(file), "model.safetensors", "toy");
}

std::string finish_error(WeightLedger& ledger) {
  try {
    ledger.finish();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::InvalidArgument);
    EXPECT_TRUE(e.hint().empty()) << e.hint();  // who knows another architecture adds one
    return e.what();
  }
  return "";
}

TEST(WeightLedger, ConvertsAndRecordsWhatIsTaken) {
  TensorFile file;
  add_tensor<float>(file, "a", DType::Float32, {2, 1}, {1.5f, -2.0f});
  add_tensor<uint16_t>(file, "b", DType::Float16, {2}, {0x3C00, 0xC000});
  add_tensor<uint16_t>(file, "c", DType::BFloat16, {1}, {0x3F80});
  const std::string sum = checksum(file.tensors[1].bytes);
  WeightLedger ledger = make_ledger(std::move(file));
  const Constant b = ledger.take("b", {2}, "layer.b");
  const Constant a = ledger.take("a", {2, 1}, "layer.a");
  const Constant c = ledger.take("c", {1}, "layer.c");
  ledger.finish();
  EXPECT_EQ(a.floats()[1], -2.0f);
  EXPECT_EQ(b.floats()[0], 1.0f);
  EXPECT_EQ(b.floats()[1], -2.0f);
  EXPECT_EQ(c.floats()[0], 1.0f);
  EXPECT_EQ(a.type.dims, (Dims{2, 1}));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.bytes.data()) % 64, 0u);
  ASSERT_EQ(ledger.entries().size(), 3u);
  const WeightRecord& first = ledger.entries()[0];
  EXPECT_EQ(first.name, "b");
  EXPECT_EQ(first.dims, Dims{2});
  EXPECT_EQ(first.dtype, DType::Float16);
  EXPECT_EQ(first.consumer, "layer.b");
  EXPECT_EQ(first.checksum, sum);
  EXPECT_TRUE(ledger.non_finite().empty());
}

TEST(WeightLedger, ReportsAllFaultsAtOnce) {
  TensorFile file;
  add_tensor<float>(file, "wide", DType::Float32, {3}, {1, 2, 3});
  add_tensor<int64_t>(file, "whole", DType::Int64, {1}, {7});
  add_tensor<float>(file, "left_over", DType::Float32, {1, 2}, {1, 2});
  add_tensor<float>(file, "good", DType::Float32, {1}, {1});
  WeightLedger ledger = make_ledger(std::move(file));
  for (const float value : ledger.take("absent", {2, 2}, "layer.absent").floats())
    EXPECT_EQ(value, 0.0f);
  EXPECT_EQ(ledger.take("wide", {2}, "layer.wide").type.dims, Dims{2});
  ledger.take("whole", {1}, "layer.whole");
  ledger.take("good", {1}, "layer.good");
  const std::string message = finish_error(ledger);
  for (const char* part :
       {"checkpoint 'model.safetensors': weights do not fit architecture 'toy'",
        "1 missing, 1 orphaned, 2 misfit", "missing: absent [2x2] for layer.absent",
        "orphan: left_over [1x2]", "misfit: wide: found [3], expected [2] for layer.wide",
        "misfit: whole: found I64, expected F32, F16, BF16 or F64 for layer.whole"})
    EXPECT_NE(message.find(part), std::string::npos) << part << "\n" << message;
}

TEST(WeightLedger, ListsAtMostTenNames) {
  TensorFile file;
  for (int i = 0; i < 25; ++i)
    add_tensor<float>(file, fmt::format("t{}", i), DType::Float32, {1}, {1});
  WeightLedger ledger = make_ledger(std::move(file));
  for (int i = 0; i < 8; ++i) ledger.take(fmt::format("absent{}", i), {1}, "x");
  const std::string message = finish_error(ledger);
  EXPECT_NE(message.find("8 missing, 25 orphaned"), std::string::npos) << message;
  EXPECT_NE(message.find("missing: absent7"), std::string::npos) << message;
  EXPECT_NE(message.find("orphan: t1 [1]\n"), std::string::npos) << message;
  EXPECT_NE(message.find("orphan: ... and 23 more"), std::string::npos) << message;
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 11);
}

TEST(WeightLedger, NamesTheNearestOrphanOfWhatIsMissing) {
  TensorFile file;
  for (const char* name : {"blocks1.0.conv1.wait", "blocks1.0.conv2.wait", "other"})
    add_tensor<float>(file, name, DType::Float32, {1}, {1});
  WeightLedger ledger = make_ledger(std::move(file));
  ledger.take("blocks1.0.conv2.weight", {1}, "conv2");
  ledger.take("z", {1}, "z");
  const std::string message = finish_error(ledger);
  EXPECT_NE(message.find("missing: blocks1.0.conv2.weight [1] for conv2; nearest in the file: "
                         "blocks1.0.conv2.wait [1]\n"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("missing: z [1] for z\n"), std::string::npos) << message;
}

TEST(WeightLedger, TakingTwiceIsABug) {
  TensorFile file;
  add_tensor<float>(file, "a", DType::Float32, {1}, {1});
  WeightLedger ledger = make_ledger(std::move(file));
  ledger.take("a", {1}, "first");
  expect_error(ErrorCode::Internal, "'a' is wanted by 'second'",
               [&] { ledger.take("a", {1}, "second"); });
}

TEST(WeightLedger, TwoTensorsOfOneNameAreCorrupt) {
  TensorFile file;
  add_tensor<float>(file, "a", DType::Float32, {1}, {1});
  add_tensor<float>(file, "a", DType::Float32, {1}, {2});
  expect_error(ErrorCode::CorruptFile, "two tensors are named 'a'",
               [&] { make_ledger(std::move(file)); });
}

TEST(WeightLedger, CountsWhatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  TensorFile file;
  add_tensor<float>(file, "bad", DType::Float32, {4}, {nan, 1.0f, -infinity, -nan});
  add_tensor<double>(file, "overflow", DType::Float64, {1}, {1e300});
  add_tensor<float>(file, "good", DType::Float32, {1}, {0});
  WeightLedger ledger = make_ledger(std::move(file));
  ledger.take("good", {1}, "x");
  ledger.take("bad", {4}, "x");
  ledger.take("overflow", {1}, "x");
  ledger.finish();
  ASSERT_EQ(ledger.non_finite().size(), 2u);
  EXPECT_EQ(ledger.non_finite()[0].name, "bad");
  EXPECT_EQ(ledger.non_finite()[0].num_nan, 2);
  EXPECT_EQ(ledger.non_finite()[0].num_infinite, 1);
  EXPECT_EQ(ledger.non_finite()[1].num_infinite, 1);
}

TEST(WeightLedger, ConsumesTheCounterOfATakenBatchNorm) {
  WeightLedger ledger(read_checkpoint_file(MappedFile::open(core_fixture("batch_norm.pth"))),
                      "batch_norm.pth", "toy");
  for (const char* name : {"0.weight", "0.bias", "0.running_mean", "0.running_var"})
    ledger.take(name, {2}, "0");
  ledger.finish();
  ASSERT_EQ(ledger.entries().size(), 5u);
  EXPECT_EQ(ledger.entries()[4].name, "0.num_batches_tracked");
  EXPECT_EQ(ledger.entries()[4].consumer, "counter, ignored");
  EXPECT_EQ(ledger.entries()[4].dtype, DType::Int64);
}

TEST(WeightLedger, CountersAreScalars) {
  TensorFile file;
  add_tensor<int64_t>(file, "a.num_batches_tracked", DType::Int64, {}, {1});
  add_tensor<double>(file, "a.total_ops", DType::Float64, {1}, {1e9});
  add_tensor<float>(file, "a.total_params", DType::Float32, {2}, {1, 2});
  WeightLedger ledger = make_ledger(std::move(file));
  const std::string message = finish_error(ledger);
  EXPECT_NE(message.find("1 orphaned"), std::string::npos) << message;
  EXPECT_NE(message.find("orphan: a.total_params [2]"), std::string::npos) << message;
}

TEST(WeightLedger, WeightsOutliveTheFile) {
  const test::TemporaryDirectory folder;
  TensorFile written;
  add_tensor<float>(written, "a", DType::Float32, {2}, {3, 4});
  write_safetensors(folder / "a.safetensors", written.tensors, {});
  Constant a;
  {
    const auto map = MappedFile::open(folder / "a.safetensors");
    WeightLedger ledger(read_checkpoint_file(map), "a", "toy", {map});
    a = ledger.take("a", {2}, "x");
    ledger.finish();
  }
  EXPECT_EQ(a.floats()[1], 4.0f);
}

}  // namespace
}  // namespace vitro
