#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "backends/backend.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/thread_team.h"
#include "measure/system_info.h"

namespace vitro::cli {
namespace {

/// What was found; `problems` is what keeps Vitro from working as asked.
struct Findings {
  std::vector<std::string> isas;  ///< of the backend that "auto" stands for
  std::string selected_isa;       ///< the one in force; empty when a setting is wrong
  struct BackendState {
    std::string name;
    bool available = false;
    std::string detail;  ///< what it is, or why it is not available
  };
  std::vector<BackendState> backends;
  std::vector<std::string> problems;
};

Findings examine() {
  Findings findings;
  const Backend& fastest = find_backend("auto");
  findings.isas = fastest.instruction_sets();
  for (const BackendRow& row : backend_rows()) {
    try {
      const auto refusal = why_unavailable(row);
      findings.backends.push_back(
          {row.name, !refusal, refusal ? refusal->reason : row.backend->describe()});
      if (row.backend == &fastest) findings.selected_isa = fastest.instruction_set();
    } catch (const Error& error) {
      findings.backends.push_back({row.name, false, error.what()});
      findings.problems.emplace_back(error.what());
    }
  }
  return findings;
}

void print_text(const Findings& findings) {
  std::vector<std::pair<std::string, std::string>> fields{
      {"vitro", version()},
      {"compiler", compiler()},
      {"cpu", cpu_model()},
      {"threads", std::to_string(available_cores())},
      {"memory", fmt::format("{}, {} available", bytes_text(static_cast<double>(total_memory())),
                             bytes_text(static_cast<double>(available_memory())))},
      {"instruction sets",
       fmt::format("{}; {} is used", fmt::join(findings.isas, ", "),
                   findings.selected_isa.empty() ? "none" : findings.selected_isa)}};
  for (const auto& backend : findings.backends)
    fields.emplace_back("backend " + backend.name,
                        (backend.available ? "" : "not available: ") + backend.detail);
  write_stdout(fields_text(fields));
}

Json findings_json(const Findings& findings) {
  Json backends = Json::array();
  for (const auto& backend : findings.backends)
    backends.push_back(
        {{"name", backend.name}, {"available", backend.available}, {"detail", backend.detail}});
  return {{"version", version()},
          {"compiler", compiler()},
          {"cpu", cpu_model()},
          {"threads", available_cores()},
          {"memory_bytes", total_memory()},
          {"memory_available_bytes", available_memory()},
          {"isa_available", findings.isas},
          {"isa_selected", findings.selected_isa},
          {"backends", backends},
          {"problems", findings.problems}};
}

int run_doctor(const CommonOptions& options) {
  const Findings findings = examine();
  if (options.json)
    print_json(findings_json(findings));
  else
    print_text(findings);
  for (const std::string& problem : findings.problems)
    report_error(problem, {}, error_code_name(ErrorCode::InvalidArgument));
  return findings.problems.empty() ? kSuccess : kRuntimeError;
}

}  // namespace

Action add_doctor(CLI::App& verb) {
  auto options = std::make_shared<CommonOptions>();
  add_output_options(verb, *options);
  return [options] { return run_doctor(*options); };
}

}  // namespace vitro::cli
