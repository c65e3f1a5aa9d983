#include <fmt/ranges.h>

#include <array>

#include "backends/backend.h"
#include "backends/cpu/cpu_backend.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/reference/reference_backend.h"
#include "core/check.h"

namespace vitro {

std::span<const BackendRow> backend_rows() {
  static const std::array<BackendRow, 3> rows{{
      {"cuda", cuda_backend(),
       "built without CUDA: run scripts/setup cuda, or install the CUDA toolkit 12.4 or newer, and "
       "build again"},
      {"cpu", &cpu_backend(), nullptr},
      {"reference", &reference_backend(), nullptr},
  }};
  return rows;
}

std::optional<Refusal> why_unavailable(const BackendRow& row) {
  if (!row.backend) return Refusal{row.unavailable};
  return row.backend->available();
}

const Backend& find_backend(std::string_view name, std::span<const BackendRow> rows) {
  std::vector<std::string> known;
  for (const BackendRow& row : rows) {
    const bool named = row.name == name;
    if (named || name == "auto") {
      const auto refusal = why_unavailable(row);
      if (!refusal) return *row.backend;
      if (named)
        fail_hint(ErrorCode::Unsupported, "--fallback cpu runs the model on the host instead",
                  "backend '{}' is not available: {}", name, refusal->reason);
    }
    known.emplace_back(row.name);
  }
  check(name != "auto", ErrorCode::Unsupported, "no backend is available, of: {}",
        fmt::join(known, ", "));
  fail_hint(ErrorCode::NotFound, fmt::format("backends: auto, {}", fmt::join(known, ", ")),
            "unknown backend '{}'", name);
}

}  // namespace vitro
