#pragma once

#include "backends/choose_kernels.h"

namespace vitro {

/// Lets kernels do the elementwise op behind them on their way (Kernel::absorb): its node goes, its
/// result is that of the kernel's node, and its other computed operands follow that node's own,
/// from the most operands of its kind on.
void absorb_elementwise(ChosenKernels& chosen, const CompileRequest& request);

/// Whether `next`, as Kernel::absorb() gets it, adds a computed tensor of the result's own type.
bool is_residual_sum(const OpContext& next, size_t operand);

}  // namespace vitro
