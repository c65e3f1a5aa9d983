#include "backends/plan_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "backends/backend.h"
#include "core/temporary_directory.h"

namespace vitro {
namespace {

using test::expect_error;

Constant counting(const Dims& dims) {
  std::vector<float> values(static_cast<size_t>(num_elements(dims)));
  std::iota(values.begin(), values.end(), 1.0f);
  return make_constant(dims, values);
}

const PackedForm& panel16() { return *find_backend("cpu").packed_forms()[0]; }

TEST(PlanCache, PanelsHoldSixteenRowsAndAreFilledWithZeros) {
  PlanCache cache({&panel16()});
  const Constant panels = cache.packed(counting({17, 2}), panel16());
  EXPECT_EQ(panels.type, (TensorType{DType::Float32, {17, 2}}));
  EXPECT_EQ(panels.storage, "cpu:panel16");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(panels.bytes.data()) % 64, 0u);
  ASSERT_EQ(panels.bytes.size(), 2 * 2 * 16 * sizeof(float));
  const auto* data = reinterpret_cast<const float*>(panels.bytes.data());
  EXPECT_EQ(data[0], 1.0f);    // row 0, column 0
  EXPECT_EQ(data[1], 3.0f);    // row 1, column 0
  EXPECT_EQ(data[16], 2.0f);   // row 0, column 1
  EXPECT_EQ(data[32], 33.0f);  // row 16, column 0
  EXPECT_EQ(data[33], 0.0f);
  EXPECT_EQ(data[48], 34.0f);
}

TEST(PlanCache, FormsRoundTrip) {
  for (const Dims& dims :
       {Dims{1, 1}, Dims{15, 3}, Dims{16, 7}, Dims{17, 1}, Dims{33, 20}, Dims{5, 3, 3, 2}})
    for (DType dtype : {DType::Float32, DType::BFloat16}) {
      PlanCache cache({&panel16()});
      const Constant constant = with_dtype(counting(dims), dtype);
      const Constant back = cache.rows(cache.packed(constant, panel16()));
      EXPECT_EQ(back.type, constant.type);
      EXPECT_TRUE(std::ranges::equal(constant.bytes, back.bytes)) << to_string(dims);
    }
}

// Products in bf16 read panels that are made of those of float32, without rows between.
TEST(PlanCache, AFormMayBeMadeOfAnotherOne) {
  static constexpr PackedForm kSums{
      "test:sums", [](const TensorType& type) { return Dims{num_elements(type.dims) / 2}; },
      [](const TensorType& type, const std::byte* panels, std::byte* sums) {
        const auto* from = reinterpret_cast<const float*>(panels);
        for (int64_t i = 0; i < num_elements(type.dims) / 2; ++i)
          reinterpret_cast<float*>(sums)[i] = from[i] + from[16 + i];
      },
      nullptr};
  PackedForm sums = kSums;
  sums.from = &panel16();
  PlanCache cache({&panel16()});
  const Constant rows = counting({16, 2}), panels = PlanCache().packed(rows, panel16());
  for (const Constant& given : {rows, panels}) {
    const Constant made = cache.packed(given, sums);
    EXPECT_EQ(made.storage, "test:sums");
    EXPECT_EQ(reinterpret_cast<const float*>(made.bytes.data())[15], 31.0f + 32.0f);
  }
  for (const PlanCache::Entry& entry : cache.entries()) EXPECT_NE(entry.form, "") << "rows";
  EXPECT_EQ(cache.storable().size(), 1u) << "what cannot be unpacked is in no plan";
}

TEST(PlanCache, MakesEachFormOnceHoweverManyAsk) {
  PlanCache cache({&panel16()});
  const Constant constant = counting({40, 30});
  std::vector<const std::byte*> found(8);
  std::vector<std::jthread> threads;
  for (auto& bytes : found)
    threads.emplace_back([&] { bytes = cache.packed(constant, panel16()).bytes.data(); });
  threads.clear();
  EXPECT_EQ(found, std::vector<const std::byte*>(8, found[0]));
  const auto entries = cache.entries();
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].form, "cpu:panel16");
  EXPECT_EQ(entries[0].count, 1u);
  EXPECT_EQ(entries[0].bytes, 48 * 30 * sizeof(float));
}

TEST(PlanCache, WhatIsStoredSoIsNotMadeAgain) {
  PlanCache cache({&panel16()});
  const Constant packed = cache.packed(counting({3, 5}), panel16());
  PlanCache other({&panel16()});
  EXPECT_EQ(other.packed(packed, panel16()).bytes.data(), packed.bytes.data());
  EXPECT_TRUE(other.entries().empty());
  const Constant rows = counting({3, 5});
  EXPECT_EQ(other.rows(rows).bytes.data(), rows.bytes.data());
}

TEST(PlanCache, StoresFormsThatHaveAnInverse) {
  PackedForm without = panel16();
  without.id = "test:without";
  without.unpack = nullptr;
  PlanCache cache({&panel16(), &without});
  const Constant a = counting({3, 5}), b = counting({4, 5});
  cache.packed(a, panel16());
  cache.packed(b, without);
  const auto storable = cache.storable();
  ASSERT_EQ(storable.size(), 1u);
  EXPECT_EQ(storable.at(a.bytes.data()).storage, "cpu:panel16");
}

TEST(PlanCache, RefusesAFormThatItDoesNotKnow) {
  PlanCache cache;
  Constant constant = counting({3, 5});
  constant.storage = "tpu:tiles";
  expect_error(ErrorCode::Unsupported, "3x5 is stored as 'tpu:tiles', which this build cannot read",
               [&] { cache.rows(constant); });
}

TEST(PlanCache, OnlyMatricesOfFloatsHavePanels) {
  expect_error(ErrorCode::CorruptFile, "F32 7 is no matrix", [&] {
    panel16().dims({DType::Float32, {7}});
  });
  expect_error(ErrorCode::CorruptFile, "I8 7x2 is no matrix", [&] {
    panel16().dims({DType::Int8, {7, 2}});
  });
}

}  // namespace
}  // namespace vitro
