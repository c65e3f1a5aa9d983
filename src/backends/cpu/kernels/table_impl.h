#pragma once

#include "backends/cpu/kernels/gemm_impl.h"
#include "backends/cpu/kernels/kernels.h"
#include "backends/cpu/kernels/probe_impl.h"

namespace vitro::cpu {
namespace {

template <class V>
constexpr KernelTable make_table(Isa isa) {
  KernelTable table{};
  table.isa = isa;
  table.gemm_tile = gemm_tile<V>;
  table.fma_probe = fma_probe<V>;
  table.probe_multiply_adds = kProbeMultiplyAdds<V>;
  return table;
}

}  // namespace
}  // namespace vitro::cpu
