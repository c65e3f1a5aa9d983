#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>

#include "backends/backend.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "core/thread_team.h"
#include "models/models.h"
#include "runtime/plan_data.h"

namespace vitro::cli {
namespace {

constexpr int64_t kMaxSide = 65536;
constexpr int64_t kMaxDevices = 64;
constexpr int64_t kMaxPixels = 700'000'000;  ///< of 3 bytes, less than 2 GiB
constexpr std::array kPrecisions{Precision::Float32, Precision::TensorFloat32, Precision::Float16,
                                 Precision::BFloat16};

std::vector<std::string> backend_names() {
  std::vector<std::string> names{"auto"};
  for (const BackendRow& row : backend_rows()) names.push_back(row.name);
  return names;
}

CLI::Validator topic_name() {
  return CLI::Validator(
      [](std::string& text) {
        if (log_topic(text)) return std::string();
        return fmt::format("got '{}', expected {}", text, fmt::join(log_topic_names(), " or "));
      },
      "TOPIC");
}

/// Other tools take the name of a processor here.
CLI::Validator device_number() {
  return CLI::Validator(
      [](std::string& text) {
        if (integer_between(0, kMaxDevices - 1)(text).empty()) return std::string();
        return fmt::format(
            "got '{}', expected the number of a GPU, 0 to {}; --backend {} chooses "
            "what runs the model",
            text, kMaxDevices - 1, backend_names_text());
      },
      "N");
}

CLI::Validator arch_params_text() {
  return CLI::Validator(
      [](std::string& text) {
        try {
          parse_arch_params(text);
          return std::string();
        } catch (const Error& error) {
          return std::string(error.what());
        }
      },
      "NAME=N");
}

/// Whether the file lies beside the index of a sharded checkpoint and is no plan.
bool may_be_shard(const std::filesystem::path& file, const std::filesystem::path& checkpoint) {
  std::error_code missing;
  const bool is_folder = std::filesystem::is_directory(checkpoint, missing);
  if (!is_folder && !checkpoint.string().ends_with(".index.json")) return false;
  const auto folder = [](const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  };
  return std::filesystem::is_regular_file(file, missing) && !is_plan_file(file) &&
         std::filesystem::equivalent(folder(file), is_folder ? checkpoint : folder(checkpoint),
                                     missing);
}

}  // namespace

std::optional<Size> parse_size(std::string_view text) {
  const size_t separator = text.find('x');
  const auto height = parse_integer(text.substr(0, separator));
  const auto width =
      separator == std::string_view::npos ? height : parse_integer(text.substr(separator + 1));
  if (!height || !width) return std::nullopt;
  if (*height < 1 || *width < 1 || *height > kMaxSide || *width > kMaxSide) return std::nullopt;
  return Size{*height, *width};
}

void add_model_options(CLI::App& verb, CommonOptions& options) {
  verb.add_option("MODEL", options.model,
                  "Plan, or checkpoint (.safetensors, sharded or not, .pth) or .onnx built on the "
                  "fly; also -m MODEL")
      ->option_text("MODEL")
      ->required();
  add_build_options(verb, options.build);
}

void add_build_options(CLI::App& verb, BuildOptions& options) {
  verb.add_option("--arch", options.arch,
                  "Architecture of a checkpoint, e.g. uniformer_small; default: from the file")
      ->option_text("NAME")
      ->group(kModelGroup);
  verb.add_option_function<std::string>(
          "--arch-params",
          [&options](const std::string& text) { options.arch_params = parse_arch_params(text); },
          "What the tensors do not tell, e.g. head_dim=32; default: as usual for the architecture")
      ->option_text("NAME=N,...")
      ->check(arch_params_text())
      ->group(kModelGroup);
  verb.add_option("--weights-key", options.weights_key,
                  "Which weights of a checkpoint with several models, e.g. state_dict_ema, "
                  "teacher, or . for the top level; default: the moving average, else the only one")
      ->option_text("NAME")
      ->group(kModelGroup);
}

void add_weights_option(CLI::App& verb, BuildOptions& options) {
  verb.add_option_function<std::string>(
          "--weights", [&options](const std::string& text) { options.weights = weights_of(text); },
          "How a checkpoint's matrices are stored; bf16 takes half the memory; default: fp32")
      ->option_text("fp32|bf16")
      ->check(weights_text())
      ->group(kModelGroup);
}

CLI::Validator weights_text() { return one_of({"fp32", "bf16"}); }

DType weights_of(std::string_view text) {
  return text == "bf16" ? DType::BFloat16 : DType::Float32;
}

void add_execution_options(CLI::App& verb, CommonOptions& options) {
  verb.add_option("--backend", options.session.backend, "What runs the model; default: auto")
      ->option_text(backend_names_text())
      ->check(backend_name())
      ->group(kExecutionGroup);
  add_fallback_option(verb, options.session.fallback);
  verb.add_option("-t,--threads", options.session.threads, "Threads; default: one for each core")
      ->option_text("N")
      ->check(thread_count())
      ->group(kExecutionGroup);
  add_device_option(verb, options.session.device);
  verb.add_option("--max-memory", options.session.max_memory,
                  "Refuse inputs for which the session takes more, e.g. 500MB; default: no limit")
      ->option_text("BYTES")
      ->transform(byte_count())
      ->group(kExecutionGroup);
  add_precision_flags(verb, options.session.precision);
  add_verbose_option(verb, options);
}

void add_precision_flags(CLI::App& verb, Precision& precision) {
  std::vector<CLI::Option*> flags;
  for (const Precision one : kPrecisions) {
    const std::string name = to_string(one);
    CLI::Option* flag = verb.add_flag_callback(
        "--" + name, [&precision, one] { precision = one; },
        "Compute in " + name +
            (one == Precision::Float16    ? "; default on cuda"
             : one == Precision::BFloat16 ? ": on cuda, and CPUs with AVX512-BF16 or AMX-BF16"
                                          : ""));
    flag->group(kExecutionGroup);
    for (CLI::Option* other : flags) flag->excludes(other);
    flags.push_back(flag);
  }
}

CLI::Validator precision_text() {
  std::vector<std::string> names;
  for (const Precision precision : kPrecisions) names.push_back(to_string(precision));
  return CLI::Validator(
      [known = one_of(names)](std::string& text) {
        return text == "bf16w" ? "'bf16w' is called --weights bf16 now" : known(text);
      },
      "PRECISION");
}

void add_picture_options(CLI::App& verb, DecodeLimits& limits) {
  verb.add_option("--max-pixels", limits.max_pixels,
                  "Refuse pictures of more pixels; default: 178956970, as Pillow")
      ->option_text("N")
      ->check(integer_between(1, kMaxPixels))
      ->group(kModelGroup);
}

void add_fallback_option(CLI::App& verb, std::string& fallback) {
  verb.add_option(
          "--fallback", fallback,
          "What runs the ops that the backend refuses, or everything when it cannot be used "
          "here; default: nothing does")
      ->option_text("cpu")
      ->check(one_of({"cpu"}))
      ->group(kExecutionGroup);
}

void add_device_option(CLI::App& verb, int& device) {
  verb.add_option("-d,--device", device, "Which GPU, as CUDA numbers them; default: 0")
      ->option_text("N")
      ->check(device_number())
      ->group(kExecutionGroup);
}

void add_verbose_option(CLI::App& verb, CommonOptions& options) {
  verb.add_option("--verbose", options.verbose,
                  "Show on standard error why each op runs as it does (dispatch), what each pass "
                  "of a build did (passes)")
      ->option_text(fmt::format("{},...", fmt::join(log_topic_names(), "|")))
      ->delimiter(',')
      ->check(topic_name())
      ->group(kOutputGroup);
}

void add_output_options(CLI::App& verb, CommonOptions& options) {
  verb.add_flag("--json", options.json, "Print JSON (schema: docs/cli.md)")->group(kOutputGroup);
  verb.add_flag("-q,--quiet", options.quiet, "No warnings and no progress; errors are still shown")
      ->group(kOutputGroup);
  verb.get_help_ptr()->group(kOutputGroup);
}

CLI::Validator thread_count() { return integer_between(1, kMaxThreads); }

CLI::Validator size_text() {
  return CLI::Validator(
      [](std::string& text) {
        if (parse_size(text)) return std::string();
        return fmt::format("got '{}', expected N or HEIGHTxWIDTH, each from 1 to {}", text,
                           kMaxSide);
      },
      "SIZE");
}

std::string backend_names_text() { return fmt::format("{}", fmt::join(backend_names(), "|")); }

CLI::Validator backend_name() { return one_of(backend_names()); }

void check_output(const std::string& output, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code missing;
    check(!std::filesystem::equivalent(output, input, missing), ErrorCode::InvalidArgument,
          "output '{}' is the input '{}' itself, expected another file", output, input);
    check(!may_be_shard(output, input), ErrorCode::InvalidArgument,
          "output '{}' may be one of the files of the input '{}', expected another file", output,
          input);
  }
}

void check_writable(const std::string& output, const std::vector<std::string>& inputs) {
  check_output(output, inputs);
  std::error_code ignored;
  if (std::filesystem::is_other(output, ignored)) return;  // closing would end a pipe
  const AtomicFile probe(output);
}

void apply_log_options(const CommonOptions& options) {
  if (options.quiet) set_log_level(LogLevel::Error);
  for (const std::string& topic : options.verbose) enable_log_topic(*log_topic(topic));
}

}  // namespace vitro::cli
