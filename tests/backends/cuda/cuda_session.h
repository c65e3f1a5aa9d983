#pragma once

#include <gtest/gtest.h>

#include "backends/backend.h"

namespace vitro {

/// Sessions on the GPU; skipped, with the reason, where there is none.
class CudaSession : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto refusal = find_backend_row().backend->available())
      GTEST_SKIP() << refusal->reason;
  }
  static const BackendRow& find_backend_row() {
    for (const BackendRow& row : backend_rows())
      if (std::string(row.name) == "cuda") return row;
    throw std::logic_error("no row for cuda");
  }
};

}  // namespace vitro
