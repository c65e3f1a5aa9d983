#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/model.h"
#include "cli/model_info.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/preprocessing_options.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"
#include "eval/prediction.h"
#include "runtime/model_input.h"

namespace vitro::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct ClassifyArguments : CommonOptions {
  std::vector<std::string> images;
  int64_t top = 5;
};

struct Classification {
  std::vector<float> logits;
  double preprocess_ms = 0;  ///< reading, decoding, resizing
  double inference_ms = 0;
};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// All of standard input, up to the largest picture that is decoded.
std::vector<std::byte> read_stdin() {
  const size_t limit = DecodeLimits().max_bytes;
  std::vector<std::byte> content;
  std::vector<std::byte> block(size_t{1} << 16);
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("read", "standard input");
    if (got == 0) return content;
    content.insert(content.end(), block.begin(), block.begin() + got);
    check(content.size() <= limit, ErrorCode::OutOfMemory,
          "standard input: more than {} bytes, the most an image may have", limit);
  }
}

Classification classify(const Session& session, const std::string& path,
                        const DecodeLimits& limits) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    fail_hint(ErrorCode::InvalidArgument,
              fmt::format("give its pictures, such as {}; vitro eval takes a folder",
                          (std::filesystem::path(path) / "*.jpg").string()),
              "'{}' is a directory, expected a picture", path);
  auto start = Clock::now();
  const Image image =
      path == "-" ? decode_image(read_stdin(), "standard input", limits) : load_image(path, limits);
  const Preprocessing& preprocessing = session.plan().classifier().preprocessing;
  Tensor input({1, 3, preprocessing.height, preprocessing.width});
  preprocess(image, preprocessing, input.as<float>());
  Classification result;
  result.preprocess_ms = milliseconds_since(start);
  start = Clock::now();
  const Tensor logits = run_on_floats(session, input);
  result.logits.assign(logits.as<float>().begin(), logits.as<float>().end());
  result.inference_ms = milliseconds_since(start);
  return result;
}

void print_text(const Classifier& classifier, const std::string& path, const Classification& result,
                int64_t top) {
  print("{}  (preprocess {:.1f} ms, inference {:.1f} ms)\n", printable_line(path),
        result.preprocess_ms, result.inference_ms);
  const std::vector<double> probabilities = softmax(result.logits);
  bool first = true;
  for (int64_t index : top_indices(result.logits, top)) {
    const std::string line =
        fmt::format("  {:6.2f} %  {}", 100 * probabilities[static_cast<size_t>(index)],
                    printable_line(class_label(classifier, index)));
    print("{}\n", first ? bold(line) : line);
    first = false;
  }
}

Json image_json(const Classifier& classifier, const std::string& path, const Classification& result,
                int64_t top) {
  const std::vector<double> probabilities = softmax(result.logits);
  Json predictions = Json::array();
  for (int64_t index : top_indices(result.logits, top))
    predictions.push_back({{"class", index},
                           {"id", class_id(classifier, index)},
                           {"label", class_label(classifier, index)},
                           {"probability", probabilities[static_cast<size_t>(index)]}});
  return {{"path", path},
          {"predictions", predictions},
          {"preprocess_ms", result.preprocess_ms},
          {"inference_ms", result.inference_ms}};
}

int run_classify(const ClassifyArguments& options) {
  const Plan plan = open_model(options);
  const Classifier& classifier = plan.classifier();
  warn_of_guess(plan);
  const Session session(plan, options.session);
  prepare_checked(session, std::vector<Dims>{picture_dims(plan, 1)});
  if (!options.json)
    print("{} on {}\n\n", printable_line(plan.info().architecture), execution_text(session));

  Json images = Json::array();
  // Results that scroll by are progress enough.
  const bool visible_results = !options.json && ::isatty(STDOUT_FILENO) == 1;
  Progress progress("classify", "images", static_cast<int64_t>(options.images.size()),
                    options.quiet || visible_results);
  int failed = 0;
  for (const std::string& path : options.images) {
    try {
      const Classification result = classify(session, path, options.limits);
      if (!all_finite(result.logits))
        log_warning("'{}': the model's logits are not all finite", printable_line(path));
      if (options.json)
        images.push_back(image_json(classifier, path, result, options.top));
      else
        print_text(classifier, path, result, options.top);
    } catch (const Error& error) {
      progress.clear();
      report_error(error.what(), error.hint(), error_code_name(error.code()));
      images.push_back({{"path", path}, {"error", error.what()}});
      ++failed;
    }
    progress.update(static_cast<int64_t>(images.size()));
  }
  if (options.json)
    print_json({{"model", options.model},
                {"architecture", plan.info().architecture},
                {"backend", session.backend()},
                {"precision", precision_name(session)},
                {"threads", session.threads()},
                {"preprocessing", preprocessing_json(classifier.preprocessing)},
                {"origins", classifier.origins},
                {"notes", plan_notes(plan)},
                {"images", images}});
  return failed > 0 ? kRuntimeError : kSuccess;
}

}  // namespace

Action add_classify(CLI::App& verb) {
  auto options = std::make_shared<ClassifyArguments>();
  add_model_options(verb, *options);
  add_weights_option(verb, options->build);
  add_preprocessing_options(verb, options->build);
  add_labels_option(verb, options->build);
  verb.add_option("IMAGE", options->images,
                  "Pictures: JPEG, PNG, WebP, GIF, BMP or TIFF; - is standard input")
      ->option_text("IMAGE...")
      ->required();
  add_picture_options(verb, options->limits);
  add_execution_options(verb, *options);
  verb.add_option("--top,--topk", options->top, "Classes to print for each image; default: 5")
      ->option_text("N")
      ->check(positive_integer())
      ->group(kOutputGroup);
  add_output_options(verb, *options);
  verb.callback([options] {
    if (std::count(options->images.begin(), options->images.end(), "-") > 1)
      throw CLI::ValidationError("IMAGE", "standard input (-) can be read only once");
  });
  return [options] { return run_classify(*options); };
}

}  // namespace vitro::cli
