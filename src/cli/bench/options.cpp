#include "cli/bench/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>

#include "core/thread_team.h"

namespace vitro::cli {
namespace {

const std::map<std::string, BenchHint> kHints{{"latency", BenchHint::Latency},
                                              {"throughput", BenchHint::Throughput}};
const std::map<std::string, BenchFormat> kFormats{{"table", BenchFormat::Table},
                                                  {"md", BenchFormat::Markdown},
                                                  {"json", BenchFormat::JsonText},
                                                  {"csv", BenchFormat::Csv},
                                                  {"trtexec", BenchFormat::Trtexec}};

/// Declares an option whose value is a list, "1,8,16", of different elements that `element`
/// accepts.
template <typename T, typename Convert>
CLI::Option* add_list(CLI::App& verb, const std::string& names, std::vector<T>& values,
                      const CLI::Validator& element, const Convert& convert,
                      const std::string& description) {
  // An error has the name that help has, not the short one before it or the other tools' behind.
  const size_t begin_long = names.find("--");
  const std::string name = names.substr(begin_long, names.find(',', begin_long) - begin_long);
  const auto parse = [name, &values, element, convert](const std::string& text) {
    values.clear();
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      std::string item = text.substr(begin, end - begin);
      const std::string error = element(item);
      if (!error.empty()) throw CLI::ValidationError(name, error);
      const T value = convert(item);
      if (std::find(values.begin(), values.end(), value) != values.end())
        throw CLI::ValidationError(name, fmt::format("'{}' occurs twice in '{}'", item, text));
      values.push_back(value);
      begin = end + 1;
    }
  };
  return verb.add_option_function<std::string>(names, parse, description)->group(kExecutionGroup);
}

std::string text_of(const std::string& text) { return text; }
int64_t integer_of(const std::string& text) { return std::stoll(text); }

template <typename T>
CLI::Validator key_of(const std::map<std::string, T>& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values) names.push_back(name);
  return CLI::Validator(
      [names](std::string& text) {
        if (std::find(names.begin(), names.end(), text) != names.end()) return std::string();
        return fmt::format("got '{}', expected {}", text, fmt::join(names, "|"));
      },
      "NAME");
}

template <typename T>
CLI::Option* add_choice(CLI::App& verb, const std::string& name, T& value,
                        const std::map<std::string, T>& values, const std::string& description) {
  return verb
      .add_option_function<std::string>(
          name, [&value, &values](const std::string& text) { value = values.at(text); },
          description)
      ->check(key_of(values));
}

/// --fp16 is one more precision of the list.
void add_precision_flag(CLI::App& verb, const std::string& name, BenchOptions& options) {
  const auto add = [name, &options] {
    auto& list = options.precisions;
    if (list == std::vector<std::string>{""}) list.clear();
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  verb.add_flag_callback("--" + name, add, "The same as --precision " + name)
      ->group(kExecutionGroup);
}

CLI::Validator report_name() {
  return CLI::Validator(
      [](std::string& text) {
        const std::string extension = std::filesystem::path(text).extension().string();
        if (extension == ".json" || extension == ".csv" || extension == ".md") return std::string();
        return fmt::format("got '{}', expected a name that ends with .json, .csv or .md", text);
      },
      "FILE");
}

constexpr int kStreamsOfCore = 32;

CLI::Validator stream_count() {
  return CLI::Validator(
      [](std::string& text) {
        const std::string error = thread_count()(text);
        if (!error.empty() || integer_of(text) <= most_streams()) return error;
        const int cores = available_cores();
        return fmt::format(
            "got '{}', expected at most {}, {} for each of the {} core{} that this process may "
            "use: more only wait for each other",
            text, most_streams(), kStreamsOfCore, cores, cores == 1 ? "" : "s");
      },
      "N");
}

void add_lists(CLI::App& verb, BenchOptions& options) {
  add_list(verb, "-b,--batch,--batch-size", options.batches, positive_integer(), integer_of,
           "Images in one run; default: 1")
      ->option_text("N,...");
  add_list(verb, "--size", options.sizes, size_text(), parse_size,
           "Input size in pixels, for which an .onnx that leaves it open is built; default: the "
           "model's")
      ->option_text("N|HxW,...");
  add_list(
      verb, "-t,--threads", options.threads, thread_count(),
      [](const std::string& text) { return static_cast<int>(integer_of(text)); },
      "Threads in all, shared by the streams; default: one for each core")
      ->option_text("N,...");
  add_list(verb, "--backend", options.backends, backend_name(), text_of,
           "What runs the model (" + backend_names_text() + "); default: auto")
      ->option_text("NAME,...");
  add_fallback_option(verb, options.session.fallback);
  add_list(verb, "--precision", options.precisions, precision_text(), text_of,
           "What to compute in; default: fp16 on cuda, else fp32")
      ->option_text("fp32|tf32|fp16|bf16,...");
  add_list(
      verb, "--weights", options.weights, weights_text(), text_of,
      "How the matrices are stored; builds a checkpoint each way; default: fp32, of a plan its own")
      ->option_text("fp32|bf16,...");
  for (const char* name : {"fp32", "tf32", "fp16", "bf16"}) add_precision_flag(verb, name, options);
  add_device_option(verb, options.session.device);
  add_shapes_option(verb, "--shapes", options.shapes,
                    "Extents of inputs, in place of --batch and --size");
}

void add_timing(CLI::App& verb, BenchOptions& options) {
  add_choice(verb, "--hint", options.hint, kHints,
             "latency: all threads on one run; throughput: find the streams and the parts of a "
             "batch that give most images/s")
      ->option_text("latency|throughput")
      ->group(kExecutionGroup);
  verb.add_option("--streams", options.streams,
                  fmt::format("Runs at the same time, at most {} for each core; default: 1",
                              kStreamsOfCore))
      ->option_text("N")
      ->check(stream_count())
      ->group(kExecutionGroup);
  verb.add_flag("--compare", options.compare,
                "Of exactly two combinations, by turns: how many times as fast the second is")
      ->group(kExecutionGroup);
  verb.add_option("--warmup", options.timing.warmup,
                  "Runs that are not timed, at least 1; default: 3")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
  verb.add_option("--warmUp", options.timing.warmup_ms,
                  "Do not time the first MS milliseconds either, as trtexec; default: 0")
      ->option_text("MS")
      ->check(number_between(0, 86400e3))
      ->group(kExecutionGroup);
  verb.add_option("--duration", options.timing.duration,
                  "Time at least this many seconds; default: 3")
      ->option_text("SECONDS")
      ->check(number_between(0, 86400))
      ->group(kExecutionGroup);
  verb.add_option("--iterations,--niter", options.timing.iterations,
                  "Time at least N runs; exactly N without --duration; default: 10")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kExecutionGroup);
}

void add_formats(CLI::App& verb, BenchOptions& options) {
  add_choice(verb, "-o,--format", options.format, kFormats,
             "How to print; trtexec: the summary lines of its log; default: table")
      ->option_text("table|md|json|csv|trtexec")
      ->group(kOutputGroup);
  verb.add_option("--report", options.report, "Also write the rows there, by its ending")
      ->option_text("FILE.json|.csv|.md")
      ->check(report_name())
      ->group(kOutputGroup);
  verb.add_option("--exportTimes", options.export_times,
                  "Write begin and end of every run, in trtexec's JSON")
      ->option_text("FILE")
      ->group(kOutputGroup);
}

/// Options of trtexec about one combination.
void add_exports(CLI::App& verb, BenchOptions& options) {
  const auto add = [&](const char* name, std::string& path, const char* description) {
    verb.add_option(name, path, description)->option_text("FILE")->group(kOutputGroup);
  };
  add("--saveEngine", options.save_engine, "Write the plan that was built, too");
  add("--exportProfile", options.export_profile,
      "Profile afterwards, and write what trtexec --exportProfile writes");
  verb.add_flag("--dumpProfile", options.dump_profile, "Profile afterwards, and print the table")
      ->group(kOutputGroup);
  add("--exportLayerInfo", options.export_layers,
      "Write the ops and what runs them, as trtexec --exportLayerInfo");
}

/// Throws a usage error when `wrong`.
void refuse(bool wrong, const std::string& option, const std::string& why) {
  if (wrong) throw CLI::ValidationError(option, why);
}

void check_together(const CLI::App& verb, const BenchOptions& options) {
  const bool hinted = options.hint != BenchHint::None;
  refuse(hinted && options.streams, "--hint", "chooses the streams itself, expected no --streams");
  for (int threads : options.threads)
    refuse(threads % options.streams.value_or(1) != 0, "--streams",
           fmt::format("{} streams cannot share {} threads equally", *options.streams, threads));
  refuse(options.json && verb.count("--format") > 0 && options.format != BenchFormat::JsonText,
         "--json", "contradicts --format");
  refuse(!options.export_times.empty() && options.export_times == options.report, "--exportTimes",
         fmt::format("'{}' is the file of --report too", options.report));

  for (const char* option : {"--batch", "--size"})
    refuse(!options.shapes.empty() && verb.count(option) > 0, "--shapes",
           fmt::format("says what {} says", option));
  refuse(!options.shapes.empty() && options.hint == BenchHint::Throughput, "--shapes",
         "are of one run, expected no --hint throughput, which divides batches");
  refuse(options.dump_profile && options.format != BenchFormat::Table, "--dumpProfile",
         "is a table, expected no other --format");
  const size_t combinations = sweep(options).size();
  for (const auto& [option, path] :
       {std::pair("--exportProfile", options.export_profile),
        std::pair("--exportLayerInfo", options.export_layers),
        std::pair("--saveEngine", options.save_engine),
        std::pair("--dumpProfile", std::string(options.dump_profile ? "-" : ""))})
    refuse(!path.empty() && combinations != 1, option,
           fmt::format("is for one combination, got {}", combinations));
  refuse(!options.export_times.empty() && combinations != 1, "--exportTimes",
         fmt::format("is for one combination, got {}", combinations));
  refuse(options.compare && combinations != 2, "--compare",
         fmt::format("is for exactly two combinations, got {}", combinations));
  refuse(options.compare && (options.streams || options.hint == BenchHint::Throughput), "--compare",
         "takes turns, so nothing else can run at the same time; expected neither --streams nor "
         "--hint throughput");
  refuse(options.compare && options.format == BenchFormat::Trtexec, "--compare",
         "has no trtexec format");
  auto models = options.models;
  std::sort(models.begin(), models.end());
  const auto twice = std::adjacent_find(models.begin(), models.end());
  refuse(twice != models.end() && !options.compare, "MODEL",
         fmt::format("'{}' occurs twice", twice == models.end() ? "" : *twice));
}

}  // namespace

void add_bench_options(CLI::App& verb, const std::shared_ptr<BenchOptions>& options) {
  verb.add_option(
          "MODEL", options->models,
          "Plans, or checkpoints (.safetensors, .pth, .onnx) built on the fly; also -m MODEL")
      ->option_text("MODEL...")
      ->required();
  add_build_options(verb, options->build);
  add_range_options(verb, options->build);
  add_lists(verb, *options);
  add_timing(verb, *options);
  add_formats(verb, *options);
  add_exports(verb, *options);
  add_verbose_option(verb, *options);
  add_output_options(verb, *options);
  verb.callback([&verb, options] {
    check_together(verb, *options);
    if (options->json) options->format = BenchFormat::JsonText;
    const bool iterations_only = verb.count("--iterations") > 0 && verb.count("--duration") == 0;
    if (iterations_only) options->timing.duration = 0;
  });
}

int most_streams() { return kStreamsOfCore * available_cores(); }

std::vector<BenchCase> sweep(const BenchOptions& options) {
  std::vector<int> threads = options.threads;
  if (threads.empty()) {
    const int streams = options.streams.value_or(1);
    threads = {streams * std::max(1, available_cores() / streams)};
  }
  std::vector<BenchCase> cases;
  for (const auto& model : options.models)
    for (const auto& backend : options.backends)
      for (const auto& precision : options.precisions)
        for (const auto& weights : options.weights)
          for (int count : threads)
            for (int64_t batch : options.batches)
              for (const auto& size : options.sizes)
                cases.push_back({model, backend, precision, weights, count, batch, size,
                                 options.session.device, options.session.fallback, options.shapes});
  return cases;
}

}  // namespace vitro::cli
