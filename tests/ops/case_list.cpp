#include "ops/case_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/float8.h"
#include "ir/op_info.h"

namespace vitro {

OpCase& CaseList::add(const char* op, const std::string& what, Emit emit) {
  std::string name = fmt::format("{}_{}", op, what);
  const auto is_odd = [](unsigned char c) { return !std::isalnum(c); };
  std::replace_if(name.begin(), name.end(), is_odd, '_');
  const auto build = [name, emit = std::move(emit)] {
    GraphBuilder builder;
    Random random(name + " weights");
    const ValueId out = emit(builder, random);
    return builder.finish({out});
  };
  cases_.push_back({name, find_op(op).value().kind, build});
  return cases_.back();
}

ValueId weight(GraphBuilder& builder, Random& random, Dims dims, int64_t fan_in,
               const Storage& storage) {
  const float bound = std::sqrt(3.0f / static_cast<float>(fan_in));
  const Constant constant = random.constant(std::move(dims), -bound, bound);
  return builder.constant("weight", with_dtype(constant, storage.dtype));
}

ValueId vector(GraphBuilder& builder, Random& random, int64_t count, float low, float high) {
  return builder.constant("vector", random.constant({count}, low, high));
}

ValueId code_weight(GraphBuilder& builder, Random& random, const Dims& dims, DType dtype) {
  std::vector<int64_t> values(static_cast<size_t>(num_elements(dims)));
  for (int64_t& value : values) {
    value = random.integer(-127, 127);
    if (dtype == DType::Float8E4M3)
      value = float32_to_float8_e4m3(3.5f * static_cast<float>(value));
  }
  return builder.constant("weight", make_constant(dims, values, dtype));
}

std::vector<ValueId> quantization(GraphBuilder& builder, Random& random, const Dims& weight,
                                  DType dtype) {
  const int64_t out = weight.front(), in = weight.back(), terms = num_elements(weight) / out;
  const bool floats = dtype == DType::Float8E4M3;
  const float most = floats ? 448 : 127;
  const float scale = 1.0f / (most * most * std::sqrt(static_cast<float>(terms) / 9));
  const ValueId sums = bias(builder, random, out),
                scales = vector(builder, random, out, scale / 2, scale);
  if (floats)
    return {sums, scales, vector(builder, random, in, 300, 500), vector(builder, random, in, 0, 0)};
  return {sums, scales, vector(builder, random, in, 80, 140),
          vector(builder, random, in, 100, 156)};
}

void quantize(GraphBuilder& builder, Random& random, std::vector<ValueId>& operands, size_t weight,
              size_t at, DType dtype) {
  const Dims dims = builder.dims(operands[weight]);
  operands[weight] = code_weight(builder, random, dims, dtype);
  const std::vector<ValueId> more = quantization(builder, random, dims, dtype);
  operands[weight + 1] = more[0];
  operands.resize(std::max(operands.size(), at + 3), kAbsent);
  for (size_t i = 0; i < 3; ++i) operands[at + i] = more[i + 1];
}

Constant scalar(float value) { return make_constant({}, std::vector<float>{value}); }

ValueId bias(GraphBuilder& builder, Random& random, int64_t count) {
  return vector(builder, random, count, -0.5f, 0.5f);
}

}  // namespace vitro
