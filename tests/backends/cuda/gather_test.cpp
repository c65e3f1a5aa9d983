#include "backends/cuda/kernels/gather.h"

#include "backends/cuda/device_list.h"

namespace vitro::cuda {
namespace {

using GatherTest = DeviceTest;

TEST_F(GatherTest, Gathers) {
  const int64_t outer = 3, extent = 10, inner = 7;
  const std::vector<int64_t> list{4, 0, -1, 9, 9, -10, 12, -30};  // the last two are out of range
  const auto inside = [](int64_t index) {
    return std::clamp<int64_t>(index < 0 ? index + extent : index, 0, extent - 1);
  };
  const auto picked = static_cast<int64_t>(list.size());
  for (const Element element : {Element::Float32, Element::Float16})
    for (const bool elements : {false, true}) {
      std::vector<int64_t> indices;
      for (int64_t i = 0; i < (elements ? outer * picked * inner : picked); ++i)
        indices.push_back(list[static_cast<size_t>(i % picked)]);
      const auto x = Random(8).values(element, outer * extent * inner);
      std::vector<double> expected;
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < picked; ++i)
          for (int64_t c = 0; c < inner; ++c) {
            const int64_t at = elements ? (o * picked + i) * inner + c : i;
            const int64_t index = inside(indices[static_cast<size_t>(at)]);
            expected.push_back(x[static_cast<size_t>((o * extent + index) * inner + c)]);
          }
      const DeviceTensor dx(element, x);
      DeviceTensor dy(element, outer * picked * inner);
      const DeviceList<int64_t> wide(indices);
      const DeviceList<int32_t> narrow(std::vector<int32_t>(indices.begin(), indices.end()));
      for (const bool is_wide : {true, false}) {
        const void* where = is_wide ? static_cast<const void*>(wide.data()) : narrow.data();
        const GatherArgs args{elements, static_cast<int>(element_size(element)),
                              is_wide,  dx.data(),
                              where,    dy.data(),
                              outer,    extent,
                              inner,    picked};
        expect_result(
            fmt::format("{} elements {} wide {}", element_name(element), elements, is_wide), dy,
            [&](const Launch& launch) { gather(args, launch); }, expected, {0, 0});
      }
    }
}

TEST_F(GatherTest, TakesALineOfIndicesForEachImage) {
  const int64_t lists = 2, outer = 6, extent = 5, inner = 3, picked = 4;
  const std::vector<int64_t> indices{4, 0, -1, 2, 1, 1, 3, -5};
  const auto x = Random(9).values(Element::Float16, outer * extent * inner);
  std::vector<double> expected;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < picked; ++i)
      for (int64_t c = 0; c < inner; ++c) {
        const int64_t index = indices[static_cast<size_t>(o / 3 * picked + i)];
        const int64_t row = o * extent + (index < 0 ? index + extent : index);
        expected.push_back(x[static_cast<size_t>(row * inner + c)]);
      }
  const DeviceTensor dx(Element::Float16, x);
  DeviceTensor dy(Element::Float16, outer * picked * inner);
  const DeviceList<int64_t> where(indices);
  const GatherArgs args{false, 2,      true,  dx.data(), where.data(), dy.data(),
                        outer, extent, inner, picked,    lists};
  expect_result("lists", dy, [&](const Launch& launch) { gather(args, launch); }, expected, {0, 0});
}

TEST(GatherArgsTest, RefusesByName) {
  EXPECT_THROW(gather({false, 3, true, nullptr, nullptr, nullptr, 1, 1, 1, 1}, {}),
               std::invalid_argument);
}

}  // namespace
}  // namespace vitro::cuda
