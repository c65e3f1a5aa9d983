// The arithmetic of AVX512-BF16 without its instruction, see narrow_products.h.
#include <algorithm>

#include "backends/cpu/kernels/attention_pairs_impl.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/vec_scalar.h"
#include "core/convert.h"
#include "narrow_products.h"

namespace vitro::cpu {
namespace {

struct Round {
  using V = VecScalar;
  static constexpr int kRegs = 1;
  static void store_bfloat16(uint16_t* p, const V::Reg (&y)[kRegs]) {
    store_bfloat16_tail(p, y, V::kWidth);
  }
  static void store_bfloat16_tail(uint16_t* p, const V::Reg (&y)[kRegs], int n) {
    for (int i = 0; i < n; ++i) p[i] = float32_to_bfloat16(y[0][i]);
  }
};

struct Dot {
  using V = VecScalar;
  using Format = BFloat16Format<Round>;
  using Sums = V::Reg;
  using Values = const void*;
  using Weights = const void*;  ///< of four columns
  static constexpr int kRegs = 4;
  static constexpr int kRows = 2;
  static constexpr int kPanels = 1;

  static Sums zero() { return V::zero(); }
  static Values broadcast(const void* values) { return values; }
  static Weights load(const void* weights) { return weights; }
  static float number(const void* numbers, int i) {
    uint16_t bits;
    std::memcpy(&bits, static_cast<const char*>(numbers) + 2 * i, sizeof(bits));
    return bfloat16_to_float32(bits);
  }
  static Sums dot(Sums sums, Values x, Weights w) {
    for (int column = 0; column < 4; ++column)
      for (int k = 0; k < 2; ++k)
        sums[column] = __builtin_fmaf(number(x, k), number(w, 2 * column + k), sums[column]);
    return sums;
  }
  static void to_floats(const Sums* sums, V::Reg (&y)[4]) { std::copy_n(sums, 4, y); }
};

struct Pairs {
  using V = VecScalar;
  using Reg = V::Reg;
  static Reg dot(Reg x, Reg y, Reg sum) {
    for (int lane = 0; lane < V::kWidth; ++lane)
      for (int k = 0; k < 2; ++k)
        sum[lane] =
            __builtin_fmaf(Dot::number(&x, 2 * lane + k), Dot::number(&y, 2 * lane + k), sum[lane]);
    return sum;
  }
  static Reg beside(const uint16_t* first, const uint16_t* second) {
    uint16_t numbers[2 * V::kWidth];
    for (int i = 0; i < V::kWidth; ++i) {
      numbers[2 * i] = first[i];
      numbers[2 * i + 1] = second[i];
    }
    Reg pairs;
    std::memcpy(&pairs, numbers, sizeof(pairs));
    return pairs;
  }
  static Reg pair(Reg first, Reg second) {
    uint16_t a[V::kWidth], b[V::kWidth];
    store_rounded(a, first, V::kWidth);
    store_rounded(b, second, V::kWidth);
    return beside(a, b);
  }
  static Reg load_pairs(const uint16_t* first, const uint16_t* second, int n) {
    uint16_t a[V::kWidth] = {}, b[V::kWidth] = {};
    std::copy_n(first, n, a);
    std::copy_n(second, n, b);
    return beside(a, b);
  }
  static void store_rounded(uint16_t* p, Reg y, int n) { Round::store_bfloat16_tail(p, {y}, n); }
};

}  // namespace

const BFloat16Kernels kBFloat16Emulated = {narrow_kernel<Dot>(), attention_pairs<Pairs>,
                                           round_rows<Round>};

}  // namespace vitro::cpu
