#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/options.h"
#include "cli/profile/advice.h"
#include "cli/profile/exports.h"
#include "cli/profile/table.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"

namespace vitro::cli {
namespace {

struct ProfileArguments : CommonOptions {
  int64_t batch = 1;
  std::string size;
  ShapesByName shapes;
  int64_t iterations = 0;
  ProfileGroup group = ProfileGroup::Module;
  int64_t top = 20;
  std::string export_profile, trace, html;

  std::vector<std::string> outputs() const {
    std::vector<std::string> paths;
    for (const std::string& path : {export_profile, trace, html})
      if (!path.empty()) paths.push_back(path);
    return paths;
  }
};

constexpr int64_t kMaxIterations = 10'000;

const std::map<std::string, ProfileGroup>& group_names() {
  static const std::map<std::string, ProfileGroup> names{{"module", ProfileGroup::Module},
                                                         {"op", ProfileGroup::Op},
                                                         {"impl", ProfileGroup::Impl},
                                                         {"block", ProfileGroup::Block}};
  return names;
}

/// A file that is opened before the measurement: a path that cannot be written is refused first.
class Export {
 public:
  explicit Export(const std::string& path) {
    if (!path.empty()) file_ = std::make_unique<AtomicFile>(path);
  }
  template <typename Make>
  void write(const Make& make) {
    if (!file_) return;
    file_->write(make());
    file_->commit();
  }

 private:
  std::unique_ptr<AtomicFile> file_;
};

std::string peaks_text(const ProfileReport& report) {
  const Peaks& peaks = report.peaks;
  std::string text = fmt::format("{:.1f} GFLOP/s of float32", peaks.flops_per_s * 1e-9);
  if (peaks.product_flops_per_s != peaks.flops_per_s)
    text += fmt::format(", {:.1f} in products", peaks.product_flops_per_s * 1e-9);
  const auto& sections = report.profile.sections;
  if (std::any_of(sections.begin(), sections.end(), [&](const SectionProfile& section) {
        return report.profile.info(section).quantized;
      }))
    text += fmt::format(", {:.1f} in products in 8 bits", peaks.quantized_flops_per_s * 1e-9);
  return text + fmt::format("; {:.1f} GB/s ({} streamed)", peaks.bytes_per_s * 1e-9,
                            bytes_text(static_cast<double>(peaks.buffer_bytes)));
}

void print_header(const ProfileReport& report) {
  const Profile& profile = report.profile;
  const std::string what = fmt::format(
      "{} ({}), {} on {}, {}, {}", printable(report.model), printable(report.architecture),
      to_string(report.dims), report.backend, report.precision, threads_text(report.threads));
  write_stdout(wrapped(what, output_width()) + "\n");
  std::vector<std::pair<std::string, std::string>> fields{
      {"run time",
       profile.on_device
           ? fmt::format("{} ms by the clock of the device, back to back, without copies; "
                         "median of {}",
                         decimal_text(profile.median_ms, 3), profile.runs)
           : fmt::format("{} ms, median of {}; fastest {} ms", decimal_text(profile.median_ms, 2),
                         profile.runs, decimal_text(profile.min_ms, 2))},
      {"profiling costs",
       fmt::format("{:.1f} % (95 % interval {:.1f} to {:.1f} %)", 100 * profile.overhead,
                   100 * profile.overhead_low, 100 * profile.overhead_high)},
      {"measured peaks", peaks_text(report)}};
  if (const auto& use = report.fallback)
    fields.insert(fields.begin() + 1, {"fallback", fallback_summary(*use)});
  write_stdout(fields_text(fields));
}

void print_advice(const ProfileReport& report) {
  const auto list = profile_advice(report);
  print("\n{}\n", bold("Three things to look at"));
  if (list.empty()) print("Nothing: every op is close to its roofline.\n");
  for (size_t i = 0; i < list.size(); ++i)
    write_stdout(fields_text(
        {{fmt::format("{}.", i + 1),
          fmt::format("{}: at most {} ms to gain\n{}.\n{}", list[i].title,
                      decimal_text(list[i].gain_ms, 2), list[i].evidence, list[i].next)}}));
}

int run_profile(const ProfileArguments& options) {
  for (const std::string& path : options.outputs()) check_output(path, {options.model});
  Export export_profile(options.export_profile), trace(options.trace), html(options.html);
  const RunShape at{options.batch, parse_size(options.size), options.shapes};
  const Plan plan = open_model(options, at);
  const Session session(plan, options.session);
  const ProfileReport report = measured_profile(options.model, session, run_dims(plan, at),
                                                options.iterations, options.quiet);
  export_profile.write([&] { return json_text(trtexec_profile(report)); });
  trace.write([&] { return json_text(chrome_trace(report)); });
  html.write([&] { return html_report(report); });
  for (const std::string& note : profile_notes(report)) log_warning("{}", note);
  if (options.json) {
    print_json(profile_json(report, options.group));
  } else {
    print_header(report);
    write_stdout(profile_table(report, options.group, options.top));
    print_advice(report);
  }
  return kSuccess;
}

void add_run_options(CLI::App& verb, ProfileArguments& options) {
  verb.add_option("-b,--batch,--batch-size", options.batch, "Images in one run; default: 1")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option(
          "--size", options.size,
          "Input size, for which an .onnx that leaves it open is built; default: the model's")
      ->option_text("N|HxW")
      ->check(size_text())
      ->group(kExecutionGroup);
  add_shapes_option(verb, "--shapes", options.shapes,
                    "Extents of inputs, in place of --batch and --size");
  verb.add_option(
          "--iterations,--niter", options.iterations,
          "Profile N runs, beside N others; default: 50, fewer when they take more than ten "
          "seconds")
      ->option_text("N")
      ->check(integer_between(1, kMaxIterations))
      ->group(kExecutionGroup);
}

void add_report_options(CLI::App& verb, ProfileArguments& options) {
  verb.add_option_function<std::string>(
          "--group",
          [&options](const std::string& name) { options.group = group_names().at(name); },
          "What a line stands for; default: module")
      ->option_text("module|op|impl|block")
      ->check(CLI::Validator(
          [](std::string& text) {
            if (group_names().contains(text)) return std::string();
            return fmt::format("got '{}', expected module|op|impl|block", text);
          },
          "GROUP"))
      ->group(kOutputGroup);
  verb.add_option("--top,--topk", options.top, "Lines of the table, 0 for all; default: 20")
      ->option_text("N")
      ->check(integer_between(0, 1'000'000))
      ->group(kOutputGroup);
  verb.add_option("--html", options.html, "Write a report for the browser, one file")
      ->option_text("FILE")
      ->group(kOutputGroup);
  verb.add_option("--trace", options.trace,
                  "Write the median run as trace events, for ui.perfetto.dev")
      ->option_text("FILE")
      ->group(kOutputGroup);
  verb.add_option("--export-profile,--exportProfile", options.export_profile,
                  "Write the profile that trtexec --exportProfile writes")
      ->option_text("FILE")
      ->group(kOutputGroup);
}

}  // namespace

Action add_profile(CLI::App& verb) {
  auto options = std::make_shared<ProfileArguments>();
  add_model_options(verb, *options);
  add_weights_option(verb, options->build);
  add_run_options(verb, *options);
  add_execution_options(verb, *options);
  add_report_options(verb, *options);
  add_output_options(verb, *options);
  verb.final_callback([options] {
    const auto paths = options->outputs();
    if (std::set(paths.begin(), paths.end()).size() < paths.size())
      throw CLI::ValidationError("two reports have the same path, expected a file for each");
  });
  return [options] { return run_profile(*options); };
}

}  // namespace vitro::cli
