#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

/// All that something follows from which a backend makes of constants, to find it again by.
struct MadeFrom {
  std::string form;  ///< what was made of them, and numbers that it depends on
  /// Told apart by address and extents, and held, so that no others come to lie there.
  std::vector<Constant> constants;

  friend bool operator<(const MadeFrom& a, const MadeFrom& b) {
    if (a.form != b.form) return a.form < b.form;
    return std::ranges::lexicographical_compare(
        a.constants, b.constants, [](const Constant& x, const Constant& y) {
          return x.bytes.data() != y.bytes.data() ? x.bytes.data() < y.bytes.data()
                                                  : x.type.dims < y.type.dims;
        });
  }
};

}  // namespace vitro
