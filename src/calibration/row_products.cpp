#include "calibration/row_products.h"

#include "ir/builder.h"

namespace vitro {
namespace {

TensorView view_of(std::span<const float> values, size_t depth) {
  return {const_cast<float*>(values.data()),
          DType::Float32,
          {static_cast<int64_t>(values.size() / depth), static_cast<int64_t>(depth)},
          {}};
}

}  // namespace

RowProducts::RowProducts(const Backend& backend, int threads)
    : backend_(backend), lane_(backend.make_lane({threads})), threads_(threads) {}

void RowProducts::operator()(std::span<const float> a, std::span<const float> b, size_t depth,
                             std::span<float> c) {
  const TensorView inputs[] = {view_of(a, depth), view_of(b, depth)};
  const TensorView output = view_of(c, b.size() / depth);
  if (const std::tuple extents{a.size(), b.size(), depth}; !program_ || extents != extents_) {
    GraphBuilder builder;
    const ValueId rows = builder.input("rows", inputs[0].dims),
                  weights = builder.input("weights", inputs[1].dims);
    MatMulAttrs attrs;
    attrs.transpose_b = true;
    const Graph graph =
        builder.finish({builder.op(OpKind::MatMul, attrs, {rows, weights}, "product")});
    const TensorType types[] = {{DType::Float32, inputs[0].dims}, {DType::Float32, inputs[1].dims}};
    CompileRequest request{graph, types, cache_};
    request.threads = threads_;
    program_ = backend_.compile(request);
    extents_ = extents;
  }
  program_->on(*lane_)->run(inputs, {&output, 1}, nullptr);
}

}  // namespace vitro
