#pragma once

#include "backends/cpu/kernels/gemm_plan.h"
#include "backends/cpu/kernels/gemm_rows_impl.h"

namespace vitro::cpu {
namespace {

/// What rows of A, or results that the next product reads, become: codes, to be multiplied by int8.
/// A format begins at some column; kRegs registers are stored together.
template <class Vector>
struct CodeFormat {
  using V = Vector;
  using Reg = typename V::Reg;
  using Mask = typename V::Mask;
  using Element = uint8_t;
  static constexpr int64_t kGroup = 4;  ///< values of k that lie together in a panel
  static constexpr int kRegs = V::kCodeRegs;

  Quantizer q;

  static CodeFormat of_rows(const GemmArgs& g) { return {g.quantized.rows}; }
  static CodeFormat of_result(const GemmArgs& g, int64_t column) {
    return {{g.result.factor + column, g.result.offset + column}};
  }
  static const Element* rows(const GemmArgs& g) { return g.codes; }
  static Element* result(const GemmArgs& g) { return g.result_codes; }
  static const void* weights(const GemmArgs& g) { return g.quantized.data; }
  static const float* scale(const GemmArgs& g) { return g.quantized.scale; }
  /// The result of a sum, before what may follow.
  static Reg end(Reg sum, Reg scale, Reg bias) { return V::fma_once(sum, scale, bias); }

  /// Element i of a row, before it is stored.
  Reg scaled(Reg x, int64_t i) const {
    return V::fma_once(x, V::load(q.factor + i), V::load(q.offset + i));
  }
  Reg scaled(Reg x, int64_t i, Mask mask) const {
    return V::fma_once(x, V::load_tail(q.factor + i, mask), V::load_tail(q.offset + i, mask));
  }
  static void store(Element* p, const Reg (&y)[kRegs]) { V::store_codes(p, y); }
  static void store_tail(Element* p, const Reg (&y)[kRegs], int n) { V::store_codes_tail(p, y, n); }
  /// What lies behind a row is multiplied by zeros.
  static void end_row(Element*, int64_t) {}
};

/// The same of numbers rounded to bfloat16, to be multiplied by bfloat16. B has the vectors and
/// how they are rounded: store_bfloat16() and store_bfloat16_tail() of kRegs registers.
template <class B>
struct BFloat16Format {
  using V = typename B::V;
  using Reg = typename V::Reg;
  using Mask = typename V::Mask;
  using Element = uint16_t;
  static constexpr int64_t kGroup = 2;
  static constexpr int kRegs = B::kRegs;

  static BFloat16Format of_rows(const GemmArgs&) { return {}; }
  static BFloat16Format of_result(const GemmArgs&, int64_t) { return {}; }
  static const Element* rows(const GemmArgs& g) { return g.a_bfloat16; }
  static Element* result(const GemmArgs& g) { return g.c_bfloat16; }
  static const void* weights(const GemmArgs& g) { return g.pairs; }
  static const float* scale(const GemmArgs&) { return nullptr; }
  static Reg end(Reg sum, Reg, Reg bias) { return V::add(sum, bias); }

  static Reg scaled(Reg x, int64_t) { return x; }
  static Reg scaled(Reg x, int64_t, Mask) { return x; }
  static void store(Element* p, const Reg (&y)[kRegs]) { B::store_bfloat16(p, y); }
  static void store_tail(Element* p, const Reg (&y)[kRegs], int n) {
    B::store_bfloat16_tail(p, y, n);
  }
  /// What lies behind a row is multiplied by zeros, and must be no NaN.
  static void end_row(Element* row, int64_t count) {
    const int64_t end = (count + kBFloat16Block - 1) / kBFloat16Block * kBFloat16Block;
    for (int64_t i = count; i < end; ++i) row[i] = 0;
  }
};

/// Bytes from one row of k numbers to the next.
template <class N>
int64_t narrow_stride(int64_t k) {
  return code_stride(k * static_cast<int64_t>(sizeof(typename N::Element)));
}

/// f(x) of `count` numbers as N stores them, which begins at the first of them.
template <class N, class F>
[[gnu::always_inline]] inline void narrow_with(const F& f, const float* x, int64_t count,
                                               const N& format, typename N::Element* dst) {
  using V = typename N::V;
  constexpr int64_t kStep = N::kRegs * V::kWidth;
  typename V::Reg y[N::kRegs];
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
#pragma GCC unroll 4
    for (int r = 0; r < N::kRegs; ++r) {
      const int64_t at = i + r * V::kWidth;
      y[r] = format.scaled(f(V::load(x + at)), at);
    }
    N::store(dst + i, y);
  }
  if (i == count) return;
#pragma GCC unroll 4
  for (int r = 0; r < N::kRegs; ++r) {
    const int64_t at = i + r * V::kWidth;
    const auto mask = V::tail(static_cast<int>(count - at));
    y[r] = format.scaled(f(V::load_tail(x + at, mask)), at, mask);
  }
  N::store_tail(dst + i, y, static_cast<int>(count - i));
}

template <class N>
void narrow_floats(const float* x, int64_t count, const N& format, typename N::Element* dst) {
  narrow_with<N>([](typename N::Reg v) { return v; }, x, count, format, dst);
}

template <class V>
void quantize_matrix(const float* x, int64_t rows, int64_t channels, const Quantizer& q,
                     uint8_t* dst) {
  for (; rows > 0; --rows, x += channels, dst += channels)
    narrow_floats(x, channels, CodeFormat<V>{q}, dst);
}

template <class B>
void round_rows(const float* x, int64_t rows, int64_t channels, uint16_t* dst) {
  using N = BFloat16Format<B>;
  for (; rows > 0; --rows, x += channels, dst += bfloat16_stride(channels)) {
    narrow_floats(x, channels, N(), dst);
    N::end_row(dst, channels);
  }
}

/// Rows [begin, end) of A as N stores them, `ld` elements apart. `floats` is scratch for
/// narrow_floats_rows(k) rows that are normalised or gathered.
template <class N>
void narrow_rows(const GemmArgs& g, int64_t begin, int64_t end, typename N::Element* dst,
                 int64_t ld, float* floats) {
  if constexpr (sizeof(typename N::Element) == 1) {
    if (g.patches && g.patches->codes) {
      gather_patches(CodePixels{*g.patches}, begin, end, 0, g.k, dst, ld);
      return;
    }
  }
  const N format = N::of_rows(g);
  if (!gemm_copies_rows(g)) {
    for (int64_t row = begin; row < end; ++row, dst += ld) {
      narrow_floats(g.a + row * g.lda, g.k, format, dst);
      N::end_row(dst, g.k);
    }
    return;
  }
  const int64_t stride = narrow_floats_stride(g.k), step = narrow_floats_rows(g.k);
  for (int64_t row = begin; row < end; row += step) {
    const int64_t rows = end - row < step ? end - row : step;
    prepare_rows<typename N::V>(g, row, row + rows, 0, g.k, floats, stride);
    for (int64_t i = 0; i < rows; ++i, dst += ld) {
      narrow_floats(floats + i * stride, g.k, format, dst);
      N::end_row(dst, g.k);
    }
  }
}

/// The rows of A as they are multiplied: given so, or made in scratch a block at a time.
template <class N>
class NarrowRows {
 public:
  using Element = typename N::Element;
  explicit NarrowRows(const GemmArgs& g) : g_(g) {}
  /// From one row to the next, elements.
  int64_t stride() const { return N::rows(g_) ? g_.lda : bytes() / kElement; }
  /// Rows of a block.
  int64_t block() const { return narrow_row_block(bytes()); }
  /// Rows [begin, end), at most block(), until the next call.
  const Element* read(int64_t begin, int64_t end) const {
    if (const Element* given = N::rows(g_)) return given + begin * g_.lda;
    auto* made = reinterpret_cast<Element*>(g_.scratch);
    narrow_rows<N>(g_, begin, end, made, stride(), g_.scratch + narrow_rows_size(bytes()));
    return made;
  }

 private:
  static constexpr int64_t kElement = sizeof(Element);
  int64_t bytes() const { return narrow_stride<N>(g_.k); }
  const GemmArgs& g_;
};

}  // namespace
}  // namespace vitro::cpu
