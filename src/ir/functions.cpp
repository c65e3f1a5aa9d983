#include "ir/functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace vitro {
namespace {

constexpr std::array kUnaryNames{"relu",       "gelu",
                                 "gelu_tanh",  "sigmoid",
                                 "tanh",       "exp",
                                 "log",        "sqrt",
                                 "rsqrt",      "reciprocal",
                                 "neg",        "abs",
                                 "erf",        "floor",
                                 "ceil",       "round",
                                 "sign",       "hard_sigmoid",
                                 "hard_swish", "silu",
                                 "mish",       "elu",
                                 "celu",       "selu",
                                 "leaky_relu", "thresholded_relu",
                                 "softplus",   "softsign",
                                 "sin",        "cos",
                                 "tan",        "asin",
                                 "acos",       "atan",
                                 "sinh",       "cosh",
                                 "asinh",      "acosh",
                                 "atanh",      "not",
                                 "is_nan",     "is_inf"};
constexpr std::array kBinaryNames{"add", "sub",  "mul",   "div", "pow", "min", "max",
                                  "mod", "fmod", "prelu", "and", "or",  "xor"};
constexpr std::array kCompareNames{"equal", "less", "less_or_equal", "greater", "greater_or_equal"};
constexpr std::array kReduceNames{
    "reduce_mean", "reduce_max", "reduce_min",        "reduce_sum",     "reduce_prod",
    "reduce_l1",   "reduce_l2",  "reduce_sum_square", "reduce_log_sum", "reduce_log_sum_exp"};
constexpr std::array kArgNames{"arg_max", "arg_min"};
constexpr std::array kPoolNames{"max_pool", "average_pool"};

static_assert(kUnaryNames.size() == static_cast<size_t>(UnaryFunction::IsInf) + 1);
static_assert(kBinaryNames.size() == static_cast<size_t>(BinaryFunction::Xor) + 1);
static_assert(kCompareNames.size() == static_cast<size_t>(CompareFunction::GreaterOrEqual) + 1);
static_assert(kReduceNames.size() == static_cast<size_t>(ReduceFunction::LogSumExp) + 1);
static_assert(kArgNames.size() == static_cast<size_t>(ArgFunction::Min) + 1);
static_assert(kPoolNames.size() == static_cast<size_t>(PoolFunction::Average) + 1);

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double gelu_tanh(double x) {
  const double inner = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(inner));
}

double selu(double x) {
  constexpr double kAlpha = 1.6732632423543772, kScale = 1.0507009873554805;
  return kScale * (x > 0 ? x : kAlpha * std::expm1(x));
}

/// Wraps around instead of overflowing.
int64_t wrapped(uint64_t value) { return static_cast<int64_t>(value); }

int64_t power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (auto rest = static_cast<uint64_t>(exponent); rest > 0; rest >>= 1, factor *= factor)
    if (rest & 1) result *= factor;
  return wrapped(result);
}

/// Towards zero; 0 when b is 0, which has no value.
int64_t quotient(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? wrapped(-static_cast<uint64_t>(a)) : a / b;
}

int64_t remainder(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }

}  // namespace

std::span<const char* const> function_names(UnaryFunction) { return kUnaryNames; }
std::span<const char* const> function_names(BinaryFunction) { return kBinaryNames; }
std::span<const char* const> function_names(CompareFunction) { return kCompareNames; }
std::span<const char* const> function_names(ReduceFunction) { return kReduceNames; }
std::span<const char* const> function_names(ArgFunction) { return kArgNames; }
std::span<const char* const> function_names(PoolFunction) { return kPoolNames; }

int num_parameters(UnaryFunction function) {
  using enum UnaryFunction;
  if (function == HardSigmoid || function == IsInf) return 2;
  return function == Elu || function == Celu || function == LeakyRelu || function == ThresholdedRelu
             ? 1
             : 0;
}

double evaluate(UnaryFunction function, double x, double alpha, double beta) {
  switch (function) {
    case UnaryFunction::Relu:
      return x > 0 || std::isnan(x) ? x : 0.0;
    case UnaryFunction::Gelu:
      // erfc keeps the digits of the left tail that 1 + erf would cancel.
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case UnaryFunction::GeluTanh:
      return gelu_tanh(x);
    case UnaryFunction::Sigmoid:
      return sigmoid(x);
    case UnaryFunction::Tanh:
      return std::tanh(x);
    case UnaryFunction::Exp:
      return std::exp(x);
    case UnaryFunction::Log:
      return std::log(x);
    case UnaryFunction::Sqrt:
      return std::sqrt(x);
    case UnaryFunction::Rsqrt:
      return 1.0 / std::sqrt(x);
    case UnaryFunction::Reciprocal:
      return 1.0 / x;
    case UnaryFunction::Neg:
      return -x;
    case UnaryFunction::Abs:
      return std::abs(x);
    case UnaryFunction::Erf:
      return std::erf(x);
    case UnaryFunction::Floor:
      return std::floor(x);
    case UnaryFunction::Ceil:
      return std::ceil(x);
    case UnaryFunction::Round:
      return std::nearbyint(x);
    case UnaryFunction::Sign:
      return std::isnan(x) ? x : (x > 0) - (x < 0);
    case UnaryFunction::HardSigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case UnaryFunction::HardSwish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case UnaryFunction::Silu:
      return x * sigmoid(x);
    case UnaryFunction::Mish:
      return x * std::tanh(softplus(x));
    case UnaryFunction::Elu:
      return x > 0 ? x : alpha * std::expm1(x);
    case UnaryFunction::Celu:
      return x > 0 ? x : alpha * std::expm1(x / alpha);
    case UnaryFunction::Selu:
      return selu(x);
    case UnaryFunction::LeakyRelu:
      return x >= 0 ? x : alpha * x;
    case UnaryFunction::ThresholdedRelu:
      return x > alpha ? x : 0.0;
    case UnaryFunction::Softplus:
      return softplus(x);
    case UnaryFunction::Softsign:
      return x / (1 + std::abs(x));
    case UnaryFunction::Sin:
      return std::sin(x);
    case UnaryFunction::Cos:
      return std::cos(x);
    case UnaryFunction::Tan:
      return std::tan(x);
    case UnaryFunction::Asin:
      return std::asin(x);
    case UnaryFunction::Acos:
      return std::acos(x);
    case UnaryFunction::Atan:
      return std::atan(x);
    case UnaryFunction::Sinh:
      return std::sinh(x);
    case UnaryFunction::Cosh:
      return std::cosh(x);
    case UnaryFunction::Asinh:
      return std::asinh(x);
    case UnaryFunction::Acosh:
      return std::acosh(x);
    case UnaryFunction::Atanh:
      return std::atanh(x);
    case UnaryFunction::Not:
      return x == 0;
    case UnaryFunction::IsNan:
      return std::isnan(x);
    case UnaryFunction::IsInf:
      return std::isinf(x) && (x > 0 ? beta : alpha) != 0;
  }
  return x;
}

int64_t evaluate(UnaryFunction function, int64_t x, double alpha, double beta) {
  if (function == UnaryFunction::Neg) return wrapped(-static_cast<uint64_t>(x));
  if (function == UnaryFunction::Abs) return x < 0 ? wrapped(-static_cast<uint64_t>(x)) : x;
  if (function == UnaryFunction::Relu) return std::max<int64_t>(x, 0);
  return static_cast<int64_t>(evaluate(function, static_cast<double>(x), alpha, beta));
}

double evaluate(BinaryFunction function, double a, double b) {
  switch (function) {
    case BinaryFunction::Add:
      return a + b;
    case BinaryFunction::Sub:
      return a - b;
    case BinaryFunction::Mul:
      return a * b;
    case BinaryFunction::Div:
      return a / b;
    case BinaryFunction::Pow:
      return std::pow(a, b);
    case BinaryFunction::Min:
      return a < b || std::isnan(a) ? a : b;
    case BinaryFunction::Max:
      return a > b || std::isnan(a) ? a : b;
    case BinaryFunction::Mod:
      return a - b * std::floor(a / b);
    case BinaryFunction::Fmod:
      return std::fmod(a, b);
    case BinaryFunction::PRelu:
      return a >= 0 ? a : a * b;
    case BinaryFunction::And:
      return a != 0 && b != 0;
    case BinaryFunction::Or:
      return a != 0 || b != 0;
    case BinaryFunction::Xor:
      return (a != 0) != (b != 0);
  }
  return a;
}

int64_t evaluate(BinaryFunction function, int64_t a, int64_t b) {
  const auto u = static_cast<uint64_t>(a), v = static_cast<uint64_t>(b);
  switch (function) {
    case BinaryFunction::Add:
      return wrapped(u + v);
    case BinaryFunction::Sub:
      return wrapped(u - v);
    case BinaryFunction::Mul:
      return wrapped(u * v);
    case BinaryFunction::Div:
      return quotient(a, b);
    case BinaryFunction::Pow:
      return power(a, b);
    case BinaryFunction::Min:
      return std::min(a, b);
    case BinaryFunction::Max:
      return std::max(a, b);
    case BinaryFunction::Mod: {  // has the sign of b
      const int64_t rest = remainder(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    case BinaryFunction::Fmod:  // has the sign of a
      return remainder(a, b);
    case BinaryFunction::PRelu:
      return a >= 0 ? a : wrapped(u * v);
    case BinaryFunction::And:
      return a != 0 && b != 0;
    case BinaryFunction::Or:
      return a != 0 || b != 0;
    case BinaryFunction::Xor:
      return (a != 0) != (b != 0);
  }
  return a;
}

}  // namespace vitro
