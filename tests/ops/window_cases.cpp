#include <fmt/ranges.h>

#include "ops/case_list.h"

namespace vitro {
namespace {

struct WindowCase {
  Dims input, weight;  ///< [n, spatial..., c], [out, kernel..., in / groups]
  ConvAttrs attrs;
};

void add_general_convolutions(CaseList& cases) {
  for (const WindowCase& c : std::vector<WindowCase>{
           {{2, 9, 11, 5}, {7, 3, 3, 5}, {{1, 1}, {2, 2}, {2, 2}, {2, 2}}},
           {{1, 12, 9, 17}, {20, 3, 2, 17}, {{2, 1}, {3, 2}, {3, 0}, {0, 2}}},
           {{1, 13, 15, 3}, {33, 7, 7, 3}, {{2, 2}, {}, {3, 3}, {3, 3}}},  // stem of ResNet
           {{3, 9, 8, 20}, {40, 1, 1, 20}, {{2, 2}, {}, {}, {}}},          // its downsampling
           {{1, 6, 5, 24}, {24, 1, 1, 24}, {{1, 1}, {}, {1, 1}, {0, 2}}},
           // So deep that the product takes several parts: 9, 3 and 2 taps each.
           {{1, 7, 7, 176}, {48, 3, 3, 176}, {{1, 1}, {}, {1, 1}, {1, 1}}},
           {{2, 7, 6, 512}, {70, 3, 3, 512}, {{2, 1}, {}, {1, 1}, {1, 1}}},
           {{1, 5, 4, 700}, {17, 3, 3, 700}, {{1, 1}, {2, 1}, {2, 1}, {2, 1}}},
           {{1, 4, 4, 1600}, {9, 2, 2, 1600}, {{1, 1}, {}, {}, {}}},
           // Stride 1 and 3x3 taps: tiles of 2x2 and 4x4 pixels, whole and cut.
           {{1, 16, 12, 64}, {80, 3, 3, 64}, {{1, 1}, {}, {1, 1}, {1, 1}}},
           {{2, 15, 13, 70}, {37, 3, 3, 70}, {{}, {}, {0, 2}, {1, 0}}},
           {{1, 14, 14, 130}, {131, 3, 3, 130}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}}},
           // Groups: wide ones, narrow ones that share a panel, and one for each channel.
           {{2, 9, 8, 64}, {66, 3, 3, 32}, {{2, 2}, {}, {1, 1}, {1, 1}, 2}},
           {{1, 7, 9, 24}, {48, 3, 3, 4}, {{1, 1}, {}, {1, 1}, {1, 1}, 6}},
           {{1, 7, 9, 35}, {15, 1, 1, 7}, {{1, 1}, {}, {}, {}, 5}},
           {{3, 7, 5, 17}, {34, 3, 2, 1}, {{1, 2}, {2, 1}, {2, 0}, {1, 1}, 17}},
           {{1, 10, 11, 48}, {96, 3, 3, 8}, {{1, 1}, {}, {1, 1}, {1, 1}, 6}},  // by tiles, too
           {{2, 9, 13, 80}, {80, 3, 3, 40}, {{1, 1}, {}, {0, 1}, {2, 1}, 2}},
           // Over one axis and over three.
           {{2, 19, 12}, {20, 5, 12}, {{2}, {2}, {3}, {4}}},
           {{2, 11, 24}, {33, 3, 8}, {{1}, {}, {1}, {1}, 3}},
           {{1, 4, 5, 6, 8}, {9, 2, 3, 3, 8}, {{1, 2, 1}, {}, {0, 1, 1}, {1, 1, 1}}},
           {{1, 3, 4, 5, 6}, {6, 3, 2, 3, 1}, {{1, 1, 2}, {1, 2, 1}, {1, 1, 1}, {1, 1, 1}, 6}},
           // Groups of a ResNeXt.
           {{1, 6, 7, 64}, {64, 3, 3, 16}, {{1, 1}, {}, {1, 1}, {1, 1}, 4}},
           // Strides of 2, an image of one pixel, and groups that do not fill whole panels.
           {{2, 9, 13, 24}, {24, 3, 3, 4}, {{2, 2}, {}, {1, 1}, {1, 1}, 6}},
           {{1, 11, 8, 40}, {40, 3, 3, 8}, {{2, 2}, {}, {0, 1}, {1, 0}, 5}},
           {{1, 1, 1, 96}, {96, 3, 3, 16}, {{1, 1}, {}, {1, 1}, {1, 1}, 6}},
           {{2, 5, 31, 3}, {40, 3, 3, 3}, {{2, 2}, {}, {1, 1}, {1, 1}}},
           {{1, 6, 5, 72}, {144, 3, 3, 24}, {{1, 1}, {}, {2, 1}, {1, 2}, 3}},
           // Several channels of each one.
           {{2, 15, 13, 11}, {22, 7, 7, 1}, {{2, 2}, {}, {3, 3}, {3, 3}, 11}},
           {{1, 8, 9, 24}, {48, 3, 3, 1}, {{1, 1}, {}, {1, 1}, {1, 1}, 24}},
           {{2, 6, 7, 5}, {15, 2, 3, 1}, {{1, 2}, {}, {0, 1}, {1, 1}, 5}},
           // A window far outside of the image.
           {{1, 2, 3, 4}, {5, 3, 3, 4}, {{1, 1}, {}, {6, 5}, {4, 7}}},
       }) {
    const auto& a = c.attrs;
    const std::string what =
        fmt::format("{}_w{}_s{}_d{}_p{}_{}_g{}", to_string(c.input), to_string(c.weight),
                    fmt::join(a.stride, "x"), fmt::join(a.dilation, "x"),
                    fmt::join(a.pad_begin, "x"), fmt::join(a.pad_end, "x"), a.groups);
    for (const bool has_bias : {true, false})
      cases.add(OpKind::Conv, what + (has_bias ? "" : "_no_bias"),
                [c, has_bias](GraphBuilder& builder, Random& random) {
                  const int64_t fan_in = num_elements(c.weight) / c.weight[0];
                  std::vector<ValueId> operands{builder.input("x", c.input),
                                                weight(builder, random, c.weight, fan_in)};
                  if (has_bias) operands.push_back(bias(builder, random, c.weight[0]));
                  return builder.op(OpKind::Conv, c.attrs, operands, "conv");
                });
  }
}

void add_pools(CaseList& cases) {
  struct PoolCase {
    Dims input;
    PoolAttrs attrs;
  };
  for (const PoolFunction function : {PoolFunction::Max, PoolFunction::Average})
    for (const bool counts : {false, true})
      for (const bool ceil : {false, true})
        for (const PoolCase& c : std::vector<PoolCase>{
                 {{2, 13, 12, 17}, {function, {3, 3}, {2, 2}, {}, {1, 1}, {1, 1}}},
                 {{1, 9, 9, 64}, {function, {2, 3}, {1, 2}, {}, {0, 1}, {1, 0}}},
                 {{1, 10, 7, 40}, {function, {3, 2}, {2, 1}, {2, 3}, {1, 1}, {1, 1}}},
                 {{3, 1, 1, 5}, {function, {1, 1}, {1, 1}, {}, {}, {}}},
                 {{2, 15, 24}, {function, {3}, {2}, {}, {1}, {1}}},
                 {{1, 5, 6, 7, 8}, {function, {2, 3, 2}, {1, 2, 2}, {}, {1, 1, 0}, {0, 1, 1}}},
             }) {
          if (function == PoolFunction::Max && counts) continue;
          PoolAttrs attrs = c.attrs;
          attrs.ceil_mode = ceil;
          attrs.count_include_pad = counts;
          const std::string what = fmt::format(
              "{}_k{}_s{}{}{}", to_string(c.input), fmt::join(attrs.kernel, "x"),
              fmt::join(attrs.stride, "x"), counts ? "_counts_padding" : "", ceil ? "_ceil" : "");
          cases.add(op_name(OpKind::Pool, attrs), what,
                    [attrs, dims = c.input](GraphBuilder& builder, Random&) {
                      return builder.op(OpKind::Pool, attrs, {builder.input("x", dims)}, "pool");
                    });
        }
}

void add_resizes(CaseList& cases) {
  for (const auto& [dims, sizes] :
       std::vector<std::pair<Dims, Ints>>{{{1, 7, 9, 16}, {1, 14, 18, 16}},
                                          {{2, 8, 6, 5}, {2, 5, 11, 5}},
                                          {{3, 10, 17}, {3, 4, 17}},
                                          {{2, 3}, {2, 3}}})
    for (const ResizeMode mode : {ResizeMode::Nearest, ResizeMode::Linear})
      cases.add(OpKind::Resize,
                fmt::format("{}_to_{}_{}", to_string(dims), fmt::join(sizes, "x"),
                            mode == ResizeMode::Linear ? "linear" : "nearest"),
                [=, dims = dims, sizes = sizes](GraphBuilder& builder, Random&) {
                  ResizeAttrs attrs;
                  attrs.mode = mode;
                  attrs.sizes = sizes;
                  return builder.op(OpKind::Resize, attrs, {builder.input("x", dims)}, "op");
                });
}

}  // namespace

void add_window_cases(CaseList& cases) {
  add_resizes(cases);
  add_general_convolutions(cases);
  add_pools(cases);
}

}  // namespace vitro
