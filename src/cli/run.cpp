#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/model.h"
#include "cli/npy_input.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/check.h"
#include "core/log.h"
#include "formats/npy.h"

namespace vitro::cli {
namespace {

struct RunArguments : CommonOptions {
  std::vector<std::string> inputs;  ///< FILE or NAME=FILE
  std::string output, output_dir;
};

std::string names_of(std::span<const IoInfo> infos) {
  std::string text;
  for (const IoInfo& info : infos) text += (text.empty() ? "" : ", ") + info.name;
  return text;
}

/// The input that a text of --input is for, and its file.
std::pair<size_t, std::string> parse_input(const std::string& text, std::span<const IoInfo> infos) {
  for (size_t i = 0; i < infos.size(); ++i)
    if (text.starts_with(infos[i].name + "=")) return {i, text.substr(infos[i].name.size() + 1)};
  // A file may have an equals sign in its name.
  std::error_code ignored;
  const size_t equals = text.find('=');
  if (equals != std::string::npos && !std::filesystem::exists(text, ignored))
    fail(ErrorCode::NotFound, "--input '{}': the model has no input '{}', expected {}", text,
         text.substr(0, equals), names_of(infos));
  if (infos.size() != 1)
    fail_hint(ErrorCode::InvalidArgument, "say which one: --input NAME=FILE",
              "input '{}': the model has {} inputs, {}", text, infos.size(), names_of(infos));
  return {0, text};
}

/// The file of each input, in order.
std::vector<std::string> input_files(const std::vector<std::string>& texts,
                                     std::span<const IoInfo> infos) {
  std::vector<std::string> files(infos.size());
  for (const std::string& text : texts) {
    const auto [i, file] = parse_input(text, infos);
    check(files[i].empty(), ErrorCode::InvalidArgument, "input '{}' is given twice: '{}' and '{}'",
          infos[i].name, files[i], file);
    files[i] = file;
  }
  for (size_t i = 0; i < files.size(); ++i)
    if (files[i].empty())
      fail_hint(ErrorCode::InvalidArgument,
                fmt::format("the model has the inputs {}", names_of(infos)),
                "input '{}' is not given", infos[i].name);
  return files;
}

/// Where each output goes: --output, or a file with its name in --output-dir.
std::vector<std::string> output_files(const RunArguments& options, std::span<const IoInfo> infos) {
  if (options.output_dir.empty()) {
    if (infos.size() != 1)
      fail_hint(ErrorCode::InvalidArgument, "write them all with --output-dir DIR",
                "'{}' is one file, the model has {} outputs, {}", options.output, infos.size(),
                names_of(infos));
    return {options.output};
  }
  std::vector<std::string> files;
  std::set<std::string> taken;
  for (const IoInfo& info : infos) {
    std::string name = info.name;
    std::replace(name.begin(), name.end(), '/', '_');
    check(taken.insert(name).second, ErrorCode::InvalidArgument,
          "two outputs would be the file '{}.npy'", name);
    files.push_back((std::filesystem::path(options.output_dir) / (name + ".npy")).string());
  }
  return files;
}

void make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check(!error, ErrorCode::DeviceError, "cannot create the directory '{}': {}", path,
        error.message());
}

Json tensor_json(const Tensor& tensor, const std::string& file) {
  return {{"name", tensor.name},
          {"file", file},
          {"dtype", dtype_name(tensor.dtype())},
          {"shape", tensor.dims()}};
}

std::string tensors_text(std::span<const Tensor> tensors, std::span<const std::string> files,
                         const char* remark = "") {
  std::string text;
  for (size_t i = 0; i < tensors.size(); ++i)
    text += fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", printable(files[i]),
                        to_string(tensors[i].dims()), remark);
  return text;
}

void print_run(const RunArguments& options, const Session& session, std::span<const Tensor> inputs,
               std::span<const std::string> files, bool normalized, std::span<const Tensor> outputs,
               std::span<const std::string> written, double ms,
               const std::vector<std::string>& warnings) {
  if (!options.json) {
    print("{} -> {}, {:.1f} ms on {}\n",
          tensors_text(inputs, files, normalized ? ", by the model's mean and std" : ""),
          tensors_text(outputs, written), ms, session.backend());
    return;
  }
  Json json{{"model", options.model},
            {"backend", session.backend()},
            {"precision", precision_name(session)},
            {"threads", session.threads()},
            {"normalized", normalized},
            {"inference_ms", ms},
            {"warnings", warnings}};
  json["inputs"] = json["outputs"] = Json::array();
  for (size_t i = 0; i < inputs.size(); ++i)
    json["inputs"].push_back(tensor_json(inputs[i], files[i]));
  for (size_t i = 0; i < outputs.size(); ++i)
    json["outputs"].push_back(tensor_json(outputs[i], written[i]));
  if (inputs.size() == 1) {
    json["input"] = files[0];
    json["input_shape"] = inputs[0].dims();
  }
  if (outputs.size() == 1) {
    json["output"] = written[0];
    json["output_shape"] = outputs[0].dims();
  }
  print_json(json);
}

void prepare(const Session& session, std::span<const Tensor> inputs) {
  std::vector<Dims> dims;
  for (const Tensor& input : inputs) dims.push_back(input.dims());
  prepare_checked(session, dims);
}

int run_tensors(const RunArguments& options) {
  const Plan plan = open_model(options);
  const Session session(plan, options.session);
  const std::vector<std::string> files = input_files(options.inputs, session.inputs());
  const std::vector<std::string> written = output_files(options, session.outputs());
  std::vector<std::string> read = files;
  read.push_back(options.model);
  for (const std::string& file : written) check_output(file, read);
  std::vector<Tensor> inputs;
  std::vector<std::string> warnings;
  bool normalized = false;
  for (size_t i = 0; i < files.size(); ++i) {
    NpyInput input = read_npy_input(files[i], plan, session.inputs()[i]);
    input.tensor.name = session.inputs()[i].name;
    warnings.insert(warnings.end(), input.warnings.begin(), input.warnings.end());
    normalized = normalized || input.normalized;
    inputs.push_back(std::move(input.tensor));
  }
  prepare(session, inputs);
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Tensor> outputs = session.run(inputs);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  if (!options.output_dir.empty()) make_directory(options.output_dir);
  for (size_t i = 0; i < outputs.size(); ++i) {
    write_npy(written[i], outputs[i]);
    const std::string text = not_finite_text(outputs[i]);
    if (!text.empty())
      warnings.push_back(outputs.size() == 1
                             ? "the output has " + text
                             : fmt::format("output '{}' has {}", outputs[i].name, text));
  }
  for (const std::string& warning : warnings) log_warning("{}", warning);
  print_run(options, session, inputs, files, normalized, outputs, written, ms, warnings);
  return kSuccess;
}

}  // namespace

Action add_run(CLI::App& verb) {
  auto options = std::make_shared<RunArguments>();
  add_model_options(verb, *options);
  add_weights_option(verb, options->build);
  verb.add_option("-i,--input", options->inputs,
                  "Input of the model (required), once for each: .npy, e.g. images [batch, 3, "
                  "height, width]; uint8 pictures [batch, height, width, 3] go through the model's "
                  "mean and std")
      ->option_text("[NAME=]FILE")
      ->required()
      ->expected(1)
      ->take_all()
      ->group(kModelGroup);
  verb.add_option("-o,--output", options->output,
                  "What the model gives, to write: .npy, e.g. float32 [batch, classes]; this or "
                  "--output-dir is required")
      ->option_text("FILE")
      ->group(kOutputGroup);
  verb.add_option("--output-dir", options->output_dir,
                  "Where all outputs go, each as NAME.npy; it is made if it is not there")
      ->option_text("DIR")
      ->group(kOutputGroup);
  add_execution_options(verb, *options);
  add_output_options(verb, *options);
  verb.callback([options] {
    if (options->output.empty() == options->output_dir.empty())
      throw CLI::ValidationError("expected --output FILE or --output-dir DIR, one of them");
  });
  return [options] { return run_tensors(*options); };
}

}  // namespace vitro::cli
