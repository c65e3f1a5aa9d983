#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/report.h"
#include "cli/bench/row.h"
#include "cli/options.h"

namespace vitro::cli {

enum class BenchHint { None, Latency, Throughput };

struct BenchOptions : CommonOptions {
  std::vector<std::string> models;
  std::vector<std::string> backends{"auto"};
  std::vector<std::string> precisions{""};  ///< "": the backend's own
  std::vector<std::string> weights{""};     ///< "": those of the model
  std::vector<int> threads;                 ///< empty: one for each core
  std::vector<int64_t> batches{1};
  std::vector<std::optional<Size>> sizes{std::nullopt};
  std::optional<int> streams;
  BenchHint hint = BenchHint::None;
  bool compare = false;
  MeasureOptions timing;
  BenchFormat format = BenchFormat::Table;
  std::string report;        ///< a file for the rows; may be empty
  std::string export_times;  ///< a file for the times of all runs; may be empty
};

/// Declares the options of the verb and the checks that they fit together.
void add_bench_options(CLI::App& verb, const std::shared_ptr<BenchOptions>& options);

/// The Cartesian product of all lists; the last of them changes fastest.
std::vector<BenchCase> sweep(const BenchOptions& options);

}  // namespace vitro::cli
