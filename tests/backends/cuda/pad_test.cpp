#include "backends/cuda/kernels/pad.h"

#include "backends/cuda/device_test.h"

namespace vitro::cuda {
namespace {

using PadTest = DeviceTest;

TEST_F(PadTest, PadsWithBorders) {
  // Of 4 elements, two before and seven behind.
  const std::vector<std::pair<PadBorder, std::vector<int>>> rows{
      {PadBorder::Reflect, {2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2}},
      {PadBorder::Edge, {0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3}},
      {PadBorder::Wrap, {2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2}}};
  for (const Element element : {Element::Float32, Element::Float16})
    for (const auto& [border, row] : rows) {
      const auto x = Random(9).values(element, 3 * 4 * 5);
      std::vector<double> expected;  // the first of three images is left out
      for (size_t image = 1; image < 3; ++image)
        for (const int at : row)
          for (size_t c = 0; c < 5; ++c)
            expected.push_back(x[(image * 4 + static_cast<size_t>(at)) * 5 + c]);
      const DeviceTensor dx(element, x);
      DeviceTensor dy(element, 2 * 13 * 5);
      const PadArgs args{border,    static_cast<int>(element_size(element)),
                         dx.data(), dy.data(),
                         {3, 4, 5}, {2, 13, 5},
                         {-1, 2, 0}};
      expect_result(fmt::format("{} border {}", element_name(element), static_cast<int>(border)),
                    dy, [&](const Launch& launch) { pad(args, launch); }, expected, {0, 0});
    }
}

TEST(PadArgsTest, RefusesByName) {
  EXPECT_THROW(pad({PadBorder::Edge, 4, nullptr, nullptr, {2}, {2, 3}, {0}}, {}),
               std::invalid_argument);
}

}  // namespace
}  // namespace vitro::cuda
