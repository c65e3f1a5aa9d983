#include <fmt/format.h>

#include <cmath>

#include "ops/case_list.h"

namespace vitro {
namespace {

void add_attention_cases(CaseList& cases) {
  struct Shape {
    int64_t batch, height, width, heads, head_dim;
  };
  for (const Shape& s : std::vector<Shape>{{1, 1, 1, 1, 1},
                                           {3, 5, 7, 3, 1},
                                           {1, 5, 7, 2, 17},
                                           {3, 5, 7, 2, 32},
                                           {1, 14, 14, 5, 64},
                                           {1, 14, 14, 2, 32},
                                           {2, 7, 7, 8, 64},
                                           {4, 14, 14, 2, 8},
                                           {1, 3, 3, 1, 128}}) {
    const int64_t c = s.heads * s.head_dim;
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
    const Dims qkv{s.batch, s.height * s.width, 3 * c}, image{s.batch, s.height, s.width, c};
    const std::string what = fmt::format("{}_heads_{}", to_string(qkv), s.heads);
    for (const float range : {1.0f, 6.0f}) {  // flat, then peaked weights
      OpCase& attention = cases.add(OpKind::Attention, fmt::format("{}_range_{}", what, range),
                                    [=](GraphBuilder& builder, Random&) {
                                      return builder.op(OpKind::Attention,
                                                        AttentionAttrs{s.heads, s.head_dim, scale},
                                                        {builder.input("qkv", qkv)}, "attention");
                                    });
      attention.low = -range;
      attention.high = range;
    }
    for (const Storage& storage : kStorages)
      cases.add(OpKind::AttentionBlock,
                fmt::format("{}_heads_{}_{}", to_string(image), s.heads, storage.name),
                [=](GraphBuilder& builder, Random& random) {
                  const ValueId x = builder.input("x", image);
                  const ValueId qkv_weight = weight(builder, random, {3 * c, c}, c, storage);
                  const ValueId qkv_bias = bias(builder, random, 3 * c);
                  const ValueId proj = weight(builder, random, {c, c}, c, storage);
                  return builder.op(OpKind::AttentionBlock,
                                    AttentionBlockAttrs{s.heads, s.head_dim, scale, 1e-6f},
                                    {x, qkv_weight, qkv_bias, proj, bias(builder, random, c)},
                                    "block");
                });
  }
  for (const float scale : {1.0f, 0.0f, -8.0f})
    cases.add(OpKind::Attention, fmt::format("of_scale_{}", scale),
              [scale](GraphBuilder& builder, Random&) {
                return builder.op(OpKind::Attention, AttentionAttrs{2, 16, scale},
                                  {builder.input("qkv", {1, 9, 96})}, "attention");
              });
}

/// Biases of heads, masks of windows, and what broadcasts.
void add_bias_cases(CaseList& cases) {
  struct Shape {
    int64_t n, tokens, heads, head_dim;
    Dims bias;
  };
  for (const Shape& s : std::vector<Shape>{{1, 9, 2, 8, {1, 2, 9, 9}},
                                           {3, 49, 3, 32, {1, 3, 49, 49}},
                                           {8, 49, 3, 32, {4, 3, 49, 49}},
                                           {6, 5, 2, 3, {3, 1, 5, 5}},
                                           {2, 7, 2, 4, {2, 2, 7, 7}},
                                           {2, 7, 3, 4, {1, 1, 1, 7}},
                                           {1, 1, 1, 1, {1, 1, 1, 1}}})
    cases.add(OpKind::Attention, fmt::format("of_{}_images_bias_{}", s.n, to_string(s.bias)),
              [s](GraphBuilder& builder, Random&) {
                const AttentionAttrs attrs{s.heads, s.head_dim, 0.5f};
                const ValueId qkv = builder.input("qkv", {s.n, s.tokens, 3 * s.heads * s.head_dim});
                return builder.op(OpKind::Attention, attrs, {qkv, builder.input("bias", s.bias)},
                                  "attention");
              });
}

/// Blocks of tokens instead of maps.
void add_token_block_cases(CaseList& cases) {
  for (const Dims& x : std::vector<Dims>{{1, 1, 4}, {3, 17, 24}, {2, 197, 48}})
    cases.add(OpKind::AttentionBlock, fmt::format("of_tokens_{}", to_string(x)),
              [x](GraphBuilder& builder, Random& random) {
                const int64_t c = x[2];
                const ValueId qkv_weight = weight(builder, random, {3 * c, c}, c, kStorages[0]);
                const ValueId qkv_bias = bias(builder, random, 3 * c);
                const ValueId proj = weight(builder, random, {c, c}, c, kStorages[0]);
                return builder.op(
                    OpKind::AttentionBlock, AttentionBlockAttrs{c / 4, 4, 0.5f, 1e-6f},
                    {builder.input("x", x), qkv_weight, qkv_bias, proj, bias(builder, random, c)},
                    "block");
              });
}

void add_mlp_cases(CaseList& cases) {
  struct Shape {
    Dims input;
    int64_t hidden;
  };
  for (const Shape& s : std::vector<Shape>{{{1, 5, 7, 1}, 4},
                                           {{1, 1, 1, 3}, 12},
                                           {{3, 5, 7, 17}, 68},
                                           {{3, 14, 14, 64}, 256},
                                           {{1, 49, 320}, 1280},
                                           {{1, 5, 7, 64}, 33}})
    for (const bool layer_norm : {false, true})
      for (const Storage& storage : kStorages)
        cases.add(OpKind::Mlp,
                  fmt::format("{}_hidden_{}{}_{}", to_string(s.input), s.hidden,
                              layer_norm ? "_layer_norm" : "", storage.name),
                  [=](GraphBuilder& builder, Random& random) {
                    const int64_t c = s.input.back(), hidden = s.hidden;
                    const ValueId x = builder.input("x", s.input);
                    const ValueId fc1 = weight(builder, random, {hidden, c}, c, storage);
                    const ValueId fc1_bias = bias(builder, random, hidden);
                    const ValueId fc2 = weight(builder, random, {c, hidden}, hidden, storage);
                    return builder.op(OpKind::Mlp, MlpAttrs{layer_norm, 1e-6f},
                                      {x, fc1, fc1_bias, fc2, bias(builder, random, c)}, "mlp");
                  });
}

void add_local_mixer_cases(CaseList& cases) {
  for (const Dims& dims : std::vector<Dims>{{1, 1, 1, 1},
                                            {1, 5, 7, 3},
                                            {3, 5, 7, 17},
                                            {3, 14, 14, 64},
                                            {1, 14, 14, 128},
                                            {1, 32, 28, 16},
                                            {1, 1, 9, 320}})
    for (const Storage& storage : kStorages)
      cases.add(OpKind::LocalMixer, fmt::format("{}_{}", to_string(dims), storage.name),
                [=](GraphBuilder& builder, Random& random) {
                  const int64_t c = dims.back();
                  const ValueId x = builder.input("x", dims);
                  const ValueId pos = weight(builder, random, {3, 3, c}, 9);
                  const ValueId pos_bias = bias(builder, random, c);
                  const ValueId conv1 = weight(builder, random, {c, c}, c, storage);
                  const ValueId conv1_bias = bias(builder, random, c);
                  const ValueId spatial = weight(builder, random, {5, 5, c}, 25);
                  const ValueId conv2 = weight(builder, random, {c, c}, c, storage);
                  return builder.op(OpKind::LocalMixer, {},
                                    {x, pos, pos_bias, conv1, conv1_bias, spatial, conv2,
                                     bias(builder, random, c)},
                                    "mixer");
                });
}

}  // namespace

void add_fused_cases(CaseList& cases) {
  add_attention_cases(cases);
  add_bias_cases(cases);
  add_token_block_cases(cases);
  add_mlp_cases(cases);
  add_local_mixer_cases(cases);
}

}  // namespace vitro
