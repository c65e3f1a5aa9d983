#include "cli/preprocessing_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "cli/options.h"
#include "frontend/checkpoint/metadata.h"
#include "image/names.h"

namespace vitro::cli {
namespace {

CLI::Validator rgb_between(double minimum, double maximum) {
  return CLI::Validator(
      [minimum, maximum](std::string& text) {
        const auto values = parse_rgb(text);
        if (values && std::all_of(values->begin(), values->end(), [&](float value) {
              return value >= static_cast<float>(minimum) && value <= static_cast<float>(maximum);
            }))
          return std::string();
        return fmt::format(
            "got '{}', expected R,G,B or one number for all, from {} to {}: values of pixels are "
            "taken from 0 to 1",
            text, minimum, maximum);
      },
      "R,G,B");
}

template <typename Enum, size_t kCount>
void add_choice(CLI::App& verb, const char* name, std::optional<Enum>& value,
                const Names<Enum, kCount>& names, const char* description) {
  verb.add_option_function<std::string>(
          name, [&value, &names](const std::string& text) { value = value_in(names, text); },
          description)
      ->option_text(fmt::format("{}", fmt::join(names_of(names), "|")))
      ->check(one_of(names_of(names)))
      ->group(kModelGroup);
}

void add_rgb(CLI::App& verb, const char* name, std::optional<std::array<float, 3>>& value,
             double minimum, double maximum, const char* description) {
  verb.add_option_function<std::string>(
          name, [&value](const std::string& text) { value = parse_rgb(text); }, description)
      ->option_text("R,G,B")
      ->check(rgb_between(minimum, maximum))
      ->group(kModelGroup);
}

}  // namespace

void add_preprocessing_options(CLI::App& verb, BuildOptions& options) {
  PreprocessingChoices& choices = options.preprocessing;
  verb.add_option_function<std::string>(
          "--size,--img-size",
          [&options](const std::string& text) {
            const Size size = *parse_size(text);
            options.height = size.height;
            options.width = size.width;
          },
          "Input size, pixels; default: as the file or a config.json beside it says, else 224")
      ->option_text("N|HxW")
      ->check(size_text())
      ->group(kModelGroup);
  verb.add_option_function<double>(
          "--crop-pct", [&choices](double value) { choices.crop_pct = value; },
          "Part of the resized picture that is kept; default: as the file says, else 0.875")
      ->option_text("FRACTION")
      ->check(number_between(kMinCropPct, kMaxCropPct))
      ->group(kModelGroup);
  add_choice(verb, "--crop-mode", choices.crop_mode, kCropModes,
             "How pictures are fitted; default: as the file says, else center");
  add_choice(verb, "--interpolation", choices.interpolation, kInterpolations,
             "How pictures are resized; default: as the file says, else bicubic");
  add_rgb(verb, "--mean", choices.mean, kMinMean, kMaxMean,
          "Mean of pixels from 0 to 1; default: as the file says, else ImageNet's");
  add_rgb(verb, "--std", choices.std, kMinStd, kMaxStd,
          "Their standard deviation; default: as the file says, else ImageNet's");
}

void add_labels_option(CLI::App& verb, BuildOptions& options) {
  verb.add_option_function<std::string>(
          "--labels", [&options](const std::string& path) { options.labels = path; },
          "Names of the classes: lines of 'id<TAB>name', JSON and more (docs/cli.md); default: as "
          "the file says")
      ->option_text("FILE")
      ->group(kModelGroup);
}

std::optional<std::array<float, 3>> parse_rgb(std::string_view text) {
  std::array<float, 3> values{};
  size_t count = 0;
  for (const char* at = text.data(); count < values.size(); ++at) {
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), values[count]);
    if (error != std::errc()) return std::nullopt;
    ++count;
    at = end;
    if (at == text.data() + text.size()) break;
    if (*at != ',' && *at != ' ') return std::nullopt;
    if (count == values.size()) return std::nullopt;
  }
  if (count == 1) values.fill(values[0]);
  return count == 2 ? std::nullopt : std::optional(values);
}

}  // namespace vitro::cli
