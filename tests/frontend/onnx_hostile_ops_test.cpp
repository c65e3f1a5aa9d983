#include <gtest/gtest.h>

#include "frontend/onnx_refused.h"

// Attributes and operands that ops cannot have.
namespace vitro::test {
namespace {

Message number(std::string_view name, float value) {
  return Message().bytes(1, name).number(2, value).integer(20, 1);
}

class OnnxOps : public testing::TestWithParam<Refused> {};
TEST_P(OnnxOps, AreRefusedByName) {
  expect_error(GetParam().code, GetParam().text, [] { import(GetParam().model); });
}

Message layer_norm(std::vector<Message> attributes) {
  return model({onnx_node("LayerNormalization", {"x", "w"}, {"y"}, std::move(attributes))},
               {weight({6})});
}
Message with_list(const char* op, const List& values, std::vector<Message> attributes = {},
                  std::vector<std::string> results = {"y"}) {
  return model({onnx_node(op, {"x", "list"}, std::move(results), std::move(attributes))},
               {onnx_list("list", values)});
}

std::vector<Refused> bad_ops() {
  using enum ErrorCode;
  const int64_t large = int64_t{1} << 31, huge = int64_t{1} << 62;
  return {
      {"conv_groups_do_not_divide", InvalidArgument, "groups 3",
       conv({onnx_attribute("group", 3)})},
      {"conv_without_groups", InvalidArgument, "group", conv({onnx_attribute("group", 0)})},
      {"conv_groups_below_0", InvalidArgument, "group", conv({onnx_attribute("group", -4)})},
      {"conv_of_other_channels", InvalidArgument, "takes 5", conv({}, {8, 5, 3, 3})},
      {"conv_kernel_of_another_rank", InvalidArgument, "weight is 8x4x3", conv({}, {8, 4, 3})},
      {"conv_kernel_shape_of_another_kernel", InvalidArgument, "kernel_shape 5x5",
       conv({onnx_attribute("kernel_shape", List{5, 5})})},
      {"conv_kernel_of_nothing", InvalidArgument, "", conv({}, {8, 4, 0, 3})},
      {"conv_stride_0", InvalidArgument, "stride 0", conv({onnx_attribute("strides", List{0, 1})})},
      {"conv_stride_below_0", InvalidArgument, "stride -1",
       conv({onnx_attribute("strides", List{1, -1})})},
      {"conv_strides_of_one_axis", InvalidArgument, "'strides' has 1 entries",
       conv({onnx_attribute("strides", List{2})})},
      {"conv_pads_below_0", InvalidArgument, "padding -1",
       conv({onnx_attribute("pads", List{-1, 0, 0, 0})})},
      {"conv_pads_that_overflow", InvalidArgument, "",
       conv({onnx_attribute("pads", List{huge, huge, huge, huge})})},
      {"conv_dilation_0", InvalidArgument, "dilation",
       conv({onnx_attribute("dilations", List{0, 1})})},
      {"conv_dilation_of_31_bits", InvalidArgument, "is below the kernel",
       conv({onnx_attribute("dilations", List{large, 1})})},
      {"conv_kernel_larger_than_the_map", InvalidArgument, "", conv({}, {8, 4, 9, 9})},
      {"conv_auto_pad_of_no_name", InvalidArgument, "auto_pad is MOST",
       conv({onnx_attribute("auto_pad", std::string_view("MOST"))})},
      {"instance_norm_of_a_line", InvalidArgument, "input is 6, expected [n, c, ...]",
       model({onnx_node("InstanceNormalization", {"w", "w", "w"}, {"y"})}, {weight({6})})},
      {"batch_norm_of_a_scalar", InvalidArgument, "expected [n, c, ...]",
       model({onnx_node("BatchNormalization", {"w", "w", "w", "w", "w"}, {"y"},
                        {onnx_attribute("training_mode", 1)})},
             {weight({})})},
      {"one_hot_of_62_bits", Unsupported, "a depth of ",
       model({onnx_node("OneHot", {"list", "list", "w"}, {"y"})},
             {onnx_list("list", {huge}), weight({2})})},
      {"range_without_a_start", InvalidArgument, "start (input 0) has 0 elements",
       model({onnx_node("Range", {"w", "w", "w"}, {"y"})}, {weight({0})})},
      {"layer_norm_axis_4", InvalidArgument, "axis 4", layer_norm({onnx_attribute("axis", 4)})},
      {"layer_norm_axis_below", InvalidArgument, "axis -5",
       layer_norm({onnx_attribute("axis", -5)})},
      {"layer_norm_eps_below_0", InvalidArgument, "", layer_norm({number("epsilon", -1e-5f)})},
      {"layer_norm_eps_nan", InvalidArgument, "", layer_norm({number("epsilon", std::nanf(""))})},
      {"layer_norm_eps_inf", InvalidArgument, "", layer_norm({number("epsilon", INFINITY)})},
      {"reshape_with_two_open_extents", InvalidArgument, "", with_list("Reshape", {-1, -1})},
      {"reshape_below_minus_1", InvalidArgument, "", with_list("Reshape", {-2, 4})},
      {"reshape_to_other_elements", InvalidArgument, "", with_list("Reshape", {5, 5})},
      {"reshape_that_overflows", InvalidArgument, "", with_list("Reshape", {huge, 4})},
      {"reshape_that_copies_an_extent_that_is_not_there", InvalidArgument, "",
       with_list("Reshape", {2, 4, 6, 6, 0})},
      {"split_of_another_sum", InvalidArgument, "",
       with_list("Split", {1, 2}, {onnx_attribute("axis", 1)}, {"y", "z"})},
      {"split_below_0", InvalidArgument, "",
       with_list("Split", {5, -1}, {onnx_attribute("axis", 1)}, {"y", "z"})},
      {"gather_position_beyond", InvalidArgument, "position 4 of an axis of 4",
       with_list("Gather", {4}, {onnx_attribute("axis", 1)})},
      {"gather_position_below", InvalidArgument, "position -5 of an axis of 4",
       with_list("Gather", {-5}, {onnx_attribute("axis", 1)})},
      {"gather_axis_4", InvalidArgument, "axis 4",
       with_list("Gather", {0}, {onnx_attribute("axis", 4)})},
      {"transpose_with_one_axis_twice", InvalidArgument, "",
       model({onnx_node("Transpose", {"x"}, {"y"}, {onnx_attribute("perm", List{0, 1, 1, 3})})})},
      {"expand_to_what_does_not_fit", InvalidArgument, "", with_list("Expand", {2, 4, 6, 5})},
      {"expand_to_too_much", InvalidArgument, "", with_list("Expand", {huge, 2, 4, 6, 6})},
      {"tile_below_0", InvalidArgument, "", with_list("Tile", {1, 1, 1, -1})},
      {"unsqueeze_axis_twice", InvalidArgument, "", with_list("Unsqueeze", {0, 0})},
  };
}
INSTANTIATE_TEST_SUITE_P(Ops, OnnxOps, testing::ValuesIn(bad_ops()), name_of);

}  // namespace
}  // namespace vitro::test
