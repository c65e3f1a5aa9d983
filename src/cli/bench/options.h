#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/bench/report.h"
#include "cli/bench/row.h"
#include "cli/options.h"
#include "cli/shapes.h"

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
  ShapesByName shapes;                        ///< in place of batch and size; may be empty
  std::string save_engine;                    ///< a file for the plan that was built; may be empty
  std::string export_profile, export_layers;  ///< files for one combination; may be empty
  bool dump_profile = false;
  std::string report;        ///< a file for the rows; may be empty
  std::string export_times;  ///< a file for the times of all runs; may be empty
};

/// Declares the options of the verb and the checks that they fit together.
void add_bench_options(CLI::App& verb, const std::shared_ptr<BenchOptions>& options);

/// As many runs at the same time as still tell something of the model: beyond, threads only wait.
int most_streams();

/// The Cartesian product of all lists; the last of them changes fastest.
std::vector<BenchCase> sweep(const BenchOptions& options);

}  // namespace vitro::cli
