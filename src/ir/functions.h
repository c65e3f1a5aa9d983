#pragma once

#include <cstdint>
#include <span>

namespace vitro {

// The families: ops that differ in one function of their elements are one kind with the function as
// an attribute. The function is part of the op's name, so that a text, a profile and a plan say
// `gelu`, `add` and `reduce_mean`; function_names() gives the names by number. docs/operators.md
// has the equations.

/// One element of the result from one element of the operand.
enum class UnaryFunction : uint8_t {
  Relu,
  Gelu,
  GeluTanh,
  Sigmoid,
  Tanh,
  Exp,
  Log,
  Sqrt,
  Rsqrt,
  Reciprocal,
  Neg,
  Abs,
  Erf,
  Floor,
  Ceil,
  Round,
  Sign,
  HardSigmoid,
  HardSwish,
  Silu,
  Mish,
  Elu,
  Celu,
  Selu,
  LeakyRelu,
  ThresholdedRelu,
  Softplus,
  Softsign,
  Sin,
  Cos,
  Tan,
  Asin,
  Acos,
  Atan,
  Sinh,
  Cosh,
  Asinh,
  Acosh,
  Atanh,
  Not,
  IsNan,
  IsInf,
};

/// One element of the result from one element of each operand, which broadcast as in NumPy.
enum class BinaryFunction : uint8_t {
  Add,
  Sub,
  Mul,
  Div,
  Pow,
  Min,
  Max,
  Mod,
  Fmod,
  PRelu,
  And,
  Or,
  Xor,
};

enum class CompareFunction : uint8_t {
  Equal,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
};

/// One element of the result from all elements along some axes.
enum class ReduceFunction : uint8_t {
  Mean,
  Max,
  Min,
  Sum,
  Prod,
  L1,
  L2,
  SumSquare,
  LogSum,
  LogSumExp,
};

/// The position of an extreme element.
enum class ArgFunction : uint8_t { Max, Min };

enum class PoolFunction : uint8_t { Max, Average };

std::span<const char* const> function_names(UnaryFunction);
std::span<const char* const> function_names(BinaryFunction);
std::span<const char* const> function_names(CompareFunction);
std::span<const char* const> function_names(ReduceFunction);
std::span<const char* const> function_names(ArgFunction);
std::span<const char* const> function_names(PoolFunction);

/// How many of the parameters alpha and beta a function has.
int num_parameters(UnaryFunction function);

// The functions themselves: floats in double, integers in int64 (which wraps around). A function
// that is not defined on integers is taken in double and rounded towards zero.
double evaluate(UnaryFunction function, double x, double alpha, double beta);
int64_t evaluate(UnaryFunction function, int64_t x, double alpha, double beta);
double evaluate(BinaryFunction function, double a, double b);
int64_t evaluate(BinaryFunction function, int64_t a, int64_t b);

template <typename T>
bool evaluate(CompareFunction function, T a, T b) {
  switch (function) {
    case CompareFunction::Equal:
      return a == b;
    case CompareFunction::Less:
      return a < b;
    case CompareFunction::LessOrEqual:
      return a <= b;
    case CompareFunction::Greater:
      return a > b;
    case CompareFunction::GreaterOrEqual:
      return a >= b;
  }
  return false;
}

}  // namespace vitro
