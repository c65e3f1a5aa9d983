#include "backends/cuda/product.h"

#include <fmt/core.h>

namespace vitro::cuda {

LinearArgs product_args(const OpContext& op, size_t weight, size_t bias, int m,
                        const ProductEnds& ends) {
  LinearArgs args;
  args.element = element_of(op);
  args.tf32 = is_tf32(op);
  args.weight = take_elements(op, weight);
  args.bias = take_floats(op, bias);
  args.m = m;
  args.n = extent(op.input(weight), 0);
  args.k = extent(op.input(weight), 1);
  args.layer_norm = ends.layer_norm;
  args.eps = ends.eps;
  args.activation = ends.activation;
  const auto weights = DeviceWeights::of(op.cache, op.device, op.precision);
  if (ends.layer_norm) args.weight_sums = weights->row_sums(op.cache, *op.constant(weight));
  if (multiplies_parts(op)) args.weight_parts = weights->parts(op.cache, *op.constant(weight));
  return args;
}

Product::Product(const OpContext& op, LinearArgs args)
    : args_(args), device_(device_of(op)), tactics_(op.tactics) {
  choose_tile();
}

void Product::choose_tile() {
  const std::string key = fmt::format(
      "cuda:product({} {}x{}x{}{}{}{})", name_of(args_.element, args_.tf32), args_.m, args_.n,
      args_.k, args_.layer_norm ? " layer_norm" : "", args_.row_parts > 0 ? " by sums" : "",
      args_.activation.op == UnaryOp::Gelu ? " gelu" : "");
  choice_ = cuda::choose_tile(key, rank_linear_tiles(args_, device_.num_sms, device_.capability),
                              tactics_);
}

void Product::read_row_sums(int parts) {
  args_.row_parts = parts;
  choose_tile();
}

}  // namespace vitro::cuda
