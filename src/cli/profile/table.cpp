#include "cli/profile/table.h"

#include <algorithm>

#include "backends/backend.h"
#include "cli/model.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "measure/machine_load.h"
#include "measure/system_info.h"
#include "runtime/internals.h"

namespace vitro::cli {

ProfileReport measured_profile(const std::string& model, const Session& session,
                               const std::vector<Dims>& dims, int64_t iterations, bool quiet) {
  prepare_checked(session, dims);
  Progress progress("profile", "runs", iterations, quiet);
  const auto show = [&](int64_t done, int64_t total) { progress.update(done, total); };
  const Backend& backend = find_backend(session.backend());
  ProfileReport report{.model = model,
                       .architecture = session.plan().info().architecture,
                       .backend = backend.name(),
                       .isa = backend.instruction_set(),
                       .precision = precision_name(session),
                       .dims = dims[0],
                       .threads = session.threads(),
                       .peaks = {},
                       .profile = {},
                       .busy_elsewhere = {},
                       .fallback = fallback_use(session, dims)};
  const MachineLoad load;
  report.profile = profile(session, synthetic_inputs(session, dims), {iterations, show});
  report.busy_elsewhere = load.busy_elsewhere();
  const auto available = static_cast<size_t>(available_memory());
  report.peaks = backend.peaks({session.threads(), available > 0 ? available / 4 : SIZE_MAX,
                                session.precision(), Internals::engine(session).device()});
  return report;
}

namespace {

std::vector<std::string> table_cells(const ProfileRow& row, const ProfileReport& report) {
  const double seconds = row.ms / 1000;
  const auto share = [](double part, double whole) {
    return whole == 0 ? "-" : decimal_text(100 * part / whole, 1, 1);
  };
  const auto rate = [&](double amount) {
    return amount == 0 || row.ms == 0 ? "-" : fmt::format("{:.1f}", amount / seconds * 1e-9);
  };
  return {row.name,
          decimal_text(row.ms, 3),
          share(row.ms, report.profile.ms),
          share(row.waiting_ms, row.ms),
          rate(row.flops),
          row.flops == 0 ? "-" : share(row.compute_ms, row.ms),
          rate(row.bytes),
          row.bytes == 0 ? "-" : share(row.bytes / report.peaks.bytes_per_s, seconds)};
}

}  // namespace

std::string profile_table(const ProfileReport& report, ProfileGroup group, int64_t top_rows) {
  const char* const names[] = {"module", "op", "impl", "block"};
  Table table({names[static_cast<size_t>(group)], "ms", "% run", "% waiting", "GFLOP/s", "% peak",
               "GB/s", "% bandwidth"},
              {"% bandwidth", "% peak"});
  auto rows = profile_rows(report, group);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ProfileRow& a, const ProfileRow& b) { return a.ms > b.ms; });
  const auto top = static_cast<size_t>(top_rows);
  const size_t shown = top == 0 ? rows.size() : std::min(rows.size(), top);
  for (size_t i = 0; i < shown; ++i) table.add_row(table_cells(rows[i], report));
  if (shown < rows.size()) {
    ProfileRow rest{.name = fmt::format("({} more: --top 0)", rows.size() - shown)};
    for (size_t i = shown; i < rows.size(); ++i) {
      rest.ms += rows[i].ms;
      rest.waiting_ms += rows[i].waiting_ms;
      rest.flops += rows[i].flops;
      rest.bytes += rows[i].bytes;
      rest.compute_ms += rows[i].compute_ms;
    }
    table.add_row(table_cells(rest, report));
  }
  const ProfileRow total = profile_total(report);
  table.add_row(table_cells(total, report));
  const auto part = [&](double ms) {
    return fmt::format("{} ms ({} %)", decimal_text(ms, 3),
                       decimal_text(100 * ms / report.profile.ms, 1, 1));
  };
  const std::string lost = fields_text({{"lost to waiting", part(total.waiting_ms)},
                                        {"lost to layout", part(layout_ms(report))},
                                        {"between ops", part(report.profile.between_ms)}});
  return fmt::format("\n{}\n{}", table.text(), lost);
}

}  // namespace vitro::cli
