#pragma once

#include "backends/cpu/kernels/gemm.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// A convolution as products of equal extents: one, or one for each group. Narrow groups share one,
/// whose weights then are zero outside of the blocks of the groups: a panel is as wide anyway.
struct GroupProducts {
  int64_t count = 1;
  int64_t in = 0;   ///< channels that one reads
  int64_t out = 0;  ///< channels that one makes
};
GroupProducts group_products(const OpContext& op);
/// Those of a weight [o, h, w, i] of one group, or [groups, o, h, w, i].
GroupProducts group_products(const TensorType& weight);

/// The weight [groups * o, kernel_h, kernel_w, i] of a convolution in panels of 16 columns for each
/// product, [products][panels][kernel_h * kernel_w * in][16] of float32, seen as [groups, o,
/// kernel_h, kernel_w, i]. It has no inverse: no plan stores it.
extern const PackedForm kGroupPanel16;
/// Takes the weight, operand 1, in that form or one made of it.
Constant group_packed(const OpContext& op, const PackedForm& form);

}  // namespace vitro::cpu
