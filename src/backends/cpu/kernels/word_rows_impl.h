#pragma once

#include "backends/cpu/kernels/narrow_rows_impl.h"

namespace vitro::cpu {
namespace {

/// Whether D multiplies words of 16 bits, which codes and weights become before that.
template <class D>
concept MultipliesWords = requires(const int8_t* group, int16_t* steps) {
  D::widen_weights(group, steps);
};

/// See CodeFormat: codes as the words that D multiplies.
template <class D>
struct WordFormat : CodeFormat<typename D::V> {
  using Base = CodeFormat<typename D::V>;
  using Element = int16_t;

  static WordFormat of_rows(const GemmArgs& g) { return {Base::of_rows(g)}; }
  static void store(Element* p, const typename Base::Reg (&y)[Base::kRegs]) {
    D::store_words(p, y);
  }
  /// Rows have room for whole vectors, and what lies behind one is multiplied by zeros.
  static void store_tail(Element* p, const typename Base::Reg (&y)[Base::kRegs], int) {
    D::store_words(p, y);
  }
  static void end_row(Element*, int64_t) {}
};

/// See NarrowRows: rows of words, which are made in scratch.
template <class D>
class WordRows {
 public:
  using Element = int16_t;
  explicit WordRows(const GemmArgs& g) : g_(g) {}
  int64_t stride() const { return word_row_bytes(g_.k) / kElement; }
  int64_t block() const { return narrow_row_block(word_row_bytes(g_.k)); }
  const Element* read(int64_t begin, int64_t end) const {
    auto* words = reinterpret_cast<Element*>(g_.scratch);
    if (N::rows(g_)) {
      widen(N::rows(g_) + begin * g_.lda, end - begin, g_.lda, words);
    } else if (g_.patches && g_.patches->codes) {
      gather(begin, end, words);
    } else {
      narrow_rows<WordFormat<D>>(g_, begin, end, words, stride(),
                                 g_.scratch + word_rest_offset(g_.k));
    }
    return words;
  }

 private:
  using N = typename D::Format;
  static constexpr int64_t kElement = sizeof(Element);

  void gather(int64_t begin, int64_t end, Element* words) const {
    auto* codes = reinterpret_cast<uint8_t*>(g_.scratch + word_rest_offset(g_.k));
    const int64_t step = narrow_floats_rows(g_.k), lds = code_stride(g_.k);
    for (int64_t row = begin; row < end; row += step) {
      const int64_t rows = end - row < step ? end - row : step;
      gather_patches(CodePixels{*g_.patches}, row, row + rows, 0, g_.k, codes, lds);
      widen(codes, rows, lds, words + (row - begin) * stride());
    }
  }

  void widen(const uint8_t* codes, int64_t rows, int64_t lds, Element* words) const {
    for (; rows > 0; --rows, codes += lds, words += stride())
      for (int64_t i = 0; i < g_.k; i += 16) D::widen_codes(codes + i, words + i);
  }

  const GemmArgs& g_;
};

/// The rows that D multiplies.
template <class D>
struct RowsOf {
  using type = NarrowRows<typename D::Format>;
};
template <MultipliesWords D>
struct RowsOf<D> {
  using type = WordRows<D>;
};

}  // namespace
}  // namespace vitro::cpu
