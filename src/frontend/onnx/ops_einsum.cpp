#include <algorithm>

#include "frontend/onnx/table.h"

namespace vitro::onnx {
namespace {

/// A value whose axes have letters.
struct Labelled {
  ValueId value;
  std::string axes;
  bool has(char letter) const { return axes.find(letter) != std::string::npos; }
};

struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

Equation parse_equation(Call& call) {
  std::string text = call.text("equation", "");
  std::erase(text, ' ');
  if (text.find('.') != std::string::npos) call.unsupported("axes without letters: " + text);
  const size_t arrow = text.find("->");
  Equation equation{{""}, ""};
  for (const char letter : text.substr(0, arrow)) {
    if (letter == ',')
      equation.operands.emplace_back();
    else
      equation.operands.back() += letter;
  }
  if (arrow != std::string::npos) {
    equation.result = text.substr(arrow + 2);
    return equation;
  }
  // Without a result: the letters that are there once, in order.
  for (char letter = 'A'; letter <= 'z'; ++letter)
    if (std::count(text.begin(), text.end(), letter) == 1) equation.result += letter;
  return equation;
}

bool has_twice(const std::string& axes, char letter) {
  return std::count(axes.begin(), axes.end(), letter) > 1;
}

Labelled transposed(Call& call, const Labelled& x, const std::string& axes) {
  Ints perm;
  for (const char letter : axes) perm.push_back(static_cast<int64_t>(x.axes.find(letter)));
  return {call.transpose(x.value, perm), axes};
}

/// The sum over the axes that nobody else has.
Labelled summed(Call& call, const Labelled& x, const std::string& others) {
  Ints axes;
  std::string left;
  for (size_t i = 0; i < x.axes.size(); ++i) {
    if (others.find(x.axes[i]) == std::string::npos)
      axes.push_back(static_cast<int64_t>(i));
    else
      left += x.axes[i];
  }
  if (axes.empty()) return x;
  return {call.reduce(ReduceFunction::Sum, x.value, axes, false), left};
}

/// The letters of `from` that are, or are not, in `in`.
std::string letters(const std::string& from, const std::string& in, bool are) {
  std::string result;
  for (const char letter : from)
    if ((in.find(letter) != std::string::npos) == are) result += letter;
  return result;
}

/// The axes of one operand as rows of a matrix [own..., other's..., batch..., row, summed], where
/// those that it does not have are 1.
ValueId as_matrices(Call& call, const Labelled& x, const std::string& own, size_t before,
                    size_t behind, const std::string& batch, const std::string& inner) {
  const std::string lead = own.empty() ? "" : own.substr(0, own.size() - 1);
  const std::string row = own.empty() ? "" : own.substr(own.size() - 1);
  ValueId y = transposed(call, x, lead + batch + row + inner).value;
  const size_t rank = lead.size() + batch.size() + row.size();
  if (inner.size() > 1) {
    Ints dims(rank, 0);
    dims.push_back(-1);
    y = call.reshape(y, dims);
  }
  Ints ones;
  const auto add = [&](size_t at, size_t count) {
    for (size_t i = 0; i < count; ++i) ones.push_back(static_cast<int64_t>(at + i));
  };
  add(0, before);
  add(before + lead.size(), behind);
  const size_t matrix = before + lead.size() + behind + batch.size();
  if (row.empty()) add(matrix, 1);
  if (inner.empty()) add(matrix + 1, 1);
  return ones.empty() ? y : call.unsqueeze(y, ones);
}

Labelled product(Call& call, const Labelled& a, const Labelled& b, const std::string& result) {
  const std::string shared = letters(a.axes, b.axes, true);
  const std::string batch = letters(result, shared, true), inner = letters(shared, result, false);
  const std::string of_a = letters(a.axes, b.axes, false), of_b = letters(b.axes, a.axes, false);
  const std::string lead_a = of_a.substr(0, of_a.empty() ? 0 : of_a.size() - 1),
                    lead_b = of_b.substr(0, of_b.empty() ? 0 : of_b.size() - 1);
  const ValueId left = as_matrices(call, a, of_a, 0, lead_b.size(), batch, inner);
  const ValueId right = as_matrices(call, b, of_b, lead_a.size(), 0, batch, inner);
  ValueId y = call.op(OpKind::MatMul, MatMulAttrs{true, false}, {left, right});
  Ints gone;
  if (of_a.empty()) gone.push_back(-2);
  if (of_b.empty()) gone.push_back(-1);
  if (!gone.empty()) y = call.squeeze(y, gone);
  return {y, lead_a + lead_b + batch + of_a.substr(lead_a.size()) + of_b.substr(lead_b.size())};
}

}  // namespace

Results import_einsum(Call& call) {
  const Equation equation = parse_equation(call);
  const size_t count = equation.operands.size();
  if (count != call.num_inputs())
    call.invalid(fmt::format("{} operands in the equation of {}", count, call.num_inputs()));
  if (count > 2) call.unsupported(fmt::format("of {} operands, expected one or two", count));
  std::vector<Labelled> operands;
  for (size_t i = 0; i < count; ++i) {
    const std::string& axes = equation.operands[i];
    if (static_cast<int64_t>(axes.size()) != call.rank(i))
      call.invalid(fmt::format("'{}' for an operand {}", axes, to_string(call.dims(i))));
    for (const char letter : axes)
      if (has_twice(axes, letter)) call.unsupported("of a diagonal, '" + axes + "'");
    operands.push_back({call.in(i), axes});
  }
  const std::string all = equation.operands[0] + (count > 1 ? equation.operands[1] : "");
  for (const char letter : equation.result)
    if (all.find(letter) == std::string::npos || has_twice(equation.result, letter))
      call.invalid(fmt::format("'{}' of the result '{}'", letter, equation.result));
  for (size_t i = 0; i < count; ++i)
    operands[i] =
        summed(call, operands[i], equation.result + (count > 1 ? equation.operands[1 - i] : ""));
  const Labelled y =
      count == 1 ? operands[0] : product(call, operands[0], operands[1], equation.result);
  return {transposed(call, y, equation.result).value};
}

}  // namespace vitro::onnx
