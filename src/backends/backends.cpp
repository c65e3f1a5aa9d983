#include <array>

#include "backends/backend.h"
#include "backends/cpu/cpu_backend.h"
#include "backends/reference/reference_backend.h"
#include "core/check.h"

namespace vitro {

// Fastest first: "auto" takes the first row that was built.
std::span<const BackendRow> backend_rows() {
  static const std::array<BackendRow, 2> rows{{
      {"cpu", &cpu_backend(), nullptr},
      {"reference", &reference_backend(), nullptr},
  }};
  return rows;
}

const Backend& find_backend(std::string_view name) {
  std::string known = "auto";
  for (const BackendRow& row : backend_rows()) {
    if (row.name == name || (name == "auto" && row.backend)) {
      if (row.backend) return *row.backend;
      fail(ErrorCode::Unsupported, "backend '{}' is not available: {}", name, row.unavailable);
    }
    known += fmt::format(", {}", row.name);
  }
  fail_hint(ErrorCode::NotFound, "backends: " + known, "unknown backend '{}'", name);
}

}  // namespace vitro
