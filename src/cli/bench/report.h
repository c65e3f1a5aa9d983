#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/bench/row.h"

namespace vitro::cli {

enum class BenchFormat { Table, Markdown, JsonText, Csv, Trtexec };

/// What is the same for all rows of one run of the program.
struct BenchMachine {
  std::string cpu;
  int cores = 0;
  std::string version;
  std::string compiler;
  std::optional<double> load_average;  ///< before the first run
};

BenchMachine this_machine();

/// All rows in a format, as documented in docs/cli.md.
std::string bench_text(const std::vector<BenchRow>& rows, const BenchMachine& machine,
                       BenchFormat format);

}  // namespace vitro::cli
