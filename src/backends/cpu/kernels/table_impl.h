#pragma once

#include "backends/cpu/kernels/gemm_impl.h"
#include "backends/cpu/kernels/kernels.h"

namespace vitro::cpu {
namespace {

template <class V>
constexpr KernelTable make_table(Isa isa) {
  KernelTable table{};
  table.isa = isa;
  table.gemm_tile = gemm_tile<V>;
  return table;
}

}  // namespace
}  // namespace vitro::cpu
