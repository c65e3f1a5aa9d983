#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/validators.h"
#include "vitro/vitro.h"

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace vitro::cli {

/// Titles under which `--help` lists the options.
inline constexpr const char* kModelGroup = "Model";
inline constexpr const char* kQuantizationGroup = "8 bits";
inline constexpr const char* kRangeAuditGroup = "16 bits";
inline constexpr const char* kSampleGroup = "Sample";
inline constexpr const char* kExecutionGroup = "Execution";
inline constexpr const char* kOutputGroup = "Output";

/// What most verbs ask for.
struct CommonOptions {
  std::string model;
  BuildOptions build;  ///< used when the model is a checkpoint
  SessionOptions session;
  DecodeLimits limits;               ///< of pictures, for the verbs that read some
  std::vector<std::string> verbose;  ///< topics of core/log.h
  bool json = false;
  bool quiet = false;
};

/// An input size in pixels.
struct Size {
  int64_t height = 0;
  int64_t width = 0;

  friend bool operator==(const Size&, const Size&) = default;
};

/// "224" or "288x352" (height first); nothing for other text or a side outside 1 to 65536.
std::optional<Size> parse_size(std::string_view text);

/// Declares MODEL, --arch, --arch-params and --weights-key.
void add_model_options(CLI::App& verb, CommonOptions& options);
/// As above, but for MODEL.
void add_build_options(CLI::App& verb, BuildOptions& options);
/// Declares --weights, for the verbs that store or run what they build.
void add_weights_option(CLI::App& verb, BuildOptions& options);
/// Declares --backend, --fallback, --max-memory, --threads, --device, the flags of the precisions
/// and --verbose.
void add_execution_options(CLI::App& verb, CommonOptions& options);
/// Declares --fp32, --tf32, --fp16 and --bf16, of which one may be given.
void add_precision_flags(CLI::App& verb, Precision& precision);
/// "fp32" or "bf16", as --weights has them.
CLI::Validator weights_text();
DType weights_of(std::string_view text);
/// Accepts "fp32", "tf32", "fp16" and "bf16".
CLI::Validator precision_text();
/// Declares --max-pixels.
void add_picture_options(CLI::App& verb, DecodeLimits& limits);
/// Declares --fallback.
void add_fallback_option(CLI::App& verb, std::string& fallback);
/// Declares --device.
void add_device_option(CLI::App& verb, int& device);
/// Declares --verbose.
void add_verbose_option(CLI::App& verb, CommonOptions& options);
/// Declares --json and --quiet, and moves --help to their group.
void add_output_options(CLI::App& verb, CommonOptions& options);

/// Accepts "auto" and the names of the table of backends.
CLI::Validator backend_name();
/// "auto|cpu|..."
std::string backend_names_text();
/// Accepts what --threads does.
CLI::Validator thread_count();
/// Accepts what parse_size() does.
CLI::Validator size_text();

/// Throws InvalidArgument when `output` is one of the files that are read, which writing would
/// destroy.
void check_output(const std::string& output, const std::vector<std::string>& inputs);

/// The same, and throws DeviceError when the output cannot be written: a bad path must not cost the
/// whole run. The file is closed again, so that an interrupted run leaves nothing behind.
void check_writable(const std::string& output, const std::vector<std::string>& inputs);

/// Puts --quiet and --verbose into effect.
void apply_log_options(const CommonOptions& options);

}  // namespace vitro::cli
