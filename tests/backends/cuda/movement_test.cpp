#include "backends/cuda/device_test.h"
#include "backends/cuda/kernels/strided_copy.h"

namespace vitro::cuda {
namespace {

using MovementTest = DeviceTest;

std::vector<double> copied(const std::vector<float>& x, int64_t first,
                           const StridedCopyArgs& args) {
  std::vector<double> y;
  for (int64_t i = 0; i < element_count(args.dims); ++i) {
    int64_t rest = i, offset = first;
    for (int d = args.dims.rank - 1; d >= 0; --d) {
      offset += rest % args.dims.v[d] * args.x_strides.v[d];
      rest /= args.dims.v[d];
    }
    y.push_back(x[static_cast<size_t>(offset)]);
  }
  return y;
}

TEST_F(MovementTest, Transposes) {
  const std::vector<std::pair<Dims, Dims>> cases = {
      {{2, 3, 20, 18}, {0, 2, 3, 1}}, {{2, 3, 16, 24}, {0, 2, 3, 1}},     {{3, 40}, {1, 0}},
      {{2, 20, 18, 3}, {0, 3, 1, 2}}, {{3, 70, 45}, {0, 2, 1}},           {{33, 64}, {1, 0}},
      {{2, 9, 4, 16}, {0, 2, 1, 3}},  {{2, 3, 4, 5, 6}, {4, 2, 0, 3, 1}}, {{5, 7}, {0, 1}},
      {{1, 40, 1, 24}, {3, 2, 0, 1}}};
  for (const Element element : {Element::Float32, Element::Float16})
    for (const auto& [dims, perm] : cases) {
      Random random(3);
      const auto x = random.values(element, element_count(dims));
      const DeviceTensor dx(element, x);
      DeviceTensor dy(element, element_count(dims));
      const StridedCopyArgs args =
          transpose_args(static_cast<int>(element_size(element)), dx.data(), dims, perm, dy.data());
      expect_result(
          fmt::format("{} rank {} of {}", element_name(element), dims.rank, element_count(dims)),
          dy, [&](const Launch& launch) { strided_copy(args, launch); }, copied(x, 0, args),
          {0, 0});
    }
}

TEST_F(MovementTest, Slices) {
  const Dims dims{3, 10, 24};
  for (const Element element : {Element::Float32, Element::Float16})
    for (const auto& [axis, begin, end] :
         {std::tuple{0, 1, 3}, {1, 2, 7}, {2, 8, 16}, {2, 3, 20}, {1, 0, 10}}) {
      Random random(4);
      const auto x = random.values(element, element_count(dims));
      const DeviceTensor dx(element, x);
      const int size = static_cast<int>(element_size(element));
      StridedCopyArgs args = slice_args(size, dx.data(), dims, axis, begin, end, nullptr);
      DeviceTensor dy(element, element_count(args.dims));
      args.y = dy.data();
      expect_result(fmt::format("{} axis {} [{}, {})", element_name(element), axis, begin, end), dy,
                    [&](const Launch& launch) { strided_copy(args, launch); },
                    copied(x, begin * args.x_strides.v[axis], args), {0, 0});
    }
}

TEST_F(MovementTest, IntoPartOfTheResult) {
  // [2, 3, 8] to the middle of each row of [2, 5, 8], and to every second column of [6, 16].
  for (const Element element : {Element::Float32, Element::Float16}) {
    const int size = static_cast<int>(element_size(element));
    const auto x = Random(5).values(element, 48);
    const DeviceTensor dx(element, x);
    DeviceTensor rows(element, 80), columns(element, 96);
    std::vector<double> in_rows(80, 7.0), in_columns(96, 7.0);
    for (size_t i = 0; i < 48; ++i) {
      in_rows[i / 24 * 40 + 8 + i % 24] = static_cast<double>(x[i]);
      in_columns[i * 2 + 1] = static_cast<double>(x[i]);
    }
    const uint32_t seven = element == Element::Float32 ? 0x40e00000u : 0x4700u;
    const auto part = [&](DeviceTensor& y, int64_t count, int64_t first, const Dims& dims,
                          const Dims& x_strides, const Dims& y_strides) {
      return [&, count, first, dims, x_strides, y_strides](const Launch& launch) {
        fill(size, y.data(), seven, count, launch);
        char* const to = static_cast<char*>(y.data()) + first * size;
        strided_copy({size, dx.data(), to, dims, x_strides, y_strides}, launch);
      };
    };
    expect_result("rows", rows, part(rows, 80, 8, {2, 3, 8}, {24, 8, 1}, {40, 8, 1}), in_rows,
                  {0, 0});
    expect_result("columns", columns, part(columns, 96, 1, {6, 8}, {8, 1}, {16, 2}), in_columns,
                  {0, 0});
  }
}

TEST_F(MovementTest, RunsBackwards) {
  // [3, 8, 24] from the last row and column on.
  for (const Element element : {Element::Float32, Element::Float16}) {
    const auto x = Random(6).values(element, 3 * 8 * 24);
    const DeviceTensor dx(element, x);
    const int size = static_cast<int>(element_size(element));
    for (const auto& [strides, first] :
         {std::pair{Dims{192, -24, 1}, 7 * 24}, {Dims{192, 24, -1}, 23}}) {
      const StridedCopyArgs args{size,    static_cast<const char*>(dx.data()) + first * size,
                                 nullptr, {3, 8, 24},
                                 strides, {}};
      DeviceTensor dy(element, 3 * 8 * 24);
      expect_result(fmt::format("{} from {}", element_name(element), first), dy,
                    [&, first = first](const Launch& launch) {
                      StridedCopyArgs copy = args;
                      copy.y = dy.data();
                      strided_copy(copy, launch);
                    },
                    copied(x, first, args), {0, 0});
    }
  }
}

TEST(MovementArgsTest, RefusesByName) {
  EXPECT_THROW(transpose_args(2, nullptr, {2, 3}, {0}, nullptr), std::invalid_argument);
  EXPECT_THROW(strided_copy({3, nullptr, nullptr, {2}, {1}, {}}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace vitro::cuda
