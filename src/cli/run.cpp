#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/model.h"
#include "cli/npy_input.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "formats/npy.h"

namespace vitro::cli {
namespace {

struct Options : CommonOptions {
  std::string input;
  std::string output;
};

int run_tensor(const Options& options) {
  check_output(options.output, {options.model, options.input});
  const Plan plan = open_model(options);
  const Session session(plan, options.session);
  const auto [input, normalized, input_warnings] = read_npy_input(options.input, plan);
  prepare_checked(session, input.dims());
  const auto start = std::chrono::steady_clock::now();
  const Tensor output = session.run(input);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  write_npy(options.output, output);
  std::vector<std::string> warnings = input_warnings;
  if (const std::string text = not_finite_text(output); !text.empty())
    warnings.push_back("the output has " + text);
  for (const std::string& warning : warnings) log_warning("{}", warning);
  if (options.json) {
    print_json({{"model", options.model},
                {"backend", session.backend()},
                {"threads", session.threads()},
                {"input", options.input},
                {"input_shape", input.dims()},
                {"normalized", normalized},
                {"output", options.output},
                {"output_shape", output.dims()},
                {"inference_ms", ms},
                {"warnings", warnings}});
  } else {
    print("{} ({}{}) -> {} ({}), {:.1f} ms on {}\n", printable(options.input),
          to_string(input.dims()), normalized ? ", by the model's mean and std" : "",
          printable(options.output), to_string(output.dims()), ms, session.backend());
  }
  return kSuccess;
}

}  // namespace

Action add_run(CLI::App& verb) {
  auto options = std::make_shared<Options>();
  add_model_options(verb, *options);
  add_weights_option(verb, options->build);
  verb.add_option(
          "-i,--input", options->input,
          "Input of the model (required): .npy, e.g. images [batch, 3, height, width]; uint8 "
          "pictures [batch, height, width, 3] go through the model's mean and std")
      ->option_text("FILE")
      ->required()
      ->group(kModelGroup);
  verb.add_option("-o,--output", options->output,
                  "What the model gives, to write (required): float32 .npy, e.g. [batch, classes]")
      ->option_text("FILE")
      ->required()
      ->group(kOutputGroup);
  add_execution_options(verb, *options);
  add_output_options(verb, *options);
  return [options] { return run_tensor(*options); };
}

}  // namespace vitro::cli
