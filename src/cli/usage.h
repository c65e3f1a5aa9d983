#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace vitro::cli {

/// The one of `known` that is at most two edits from `given`; empty when there is none.
std::string nearest(std::string_view given, const std::vector<std::string>& known);

/// The words of the command line with `-m FILE` and `--model FILE`, which other tools have, and for
/// `build` and `bench` trtexec's `--onnx` and `--loadEngine`, in the place of the argument MODEL.
std::vector<std::string> model_as_argument(std::vector<std::string> words);

/// The words of `build` and `bench` with `--verbose` alone, as trtexec has it, for all topics.
std::vector<std::string> all_topics(std::vector<std::string> words);

/// Whether standard output is to be one JSON value.
bool wants_json(const std::vector<std::string>& words);

/// Whether the command line begins with neither a verb nor an option of the program itself; if so,
/// says what would have been right.
bool report_bad_start(const CLI::App& app, const std::vector<std::string>& words);

/// Whether `help` is followed by anything but one verb, or "help"; if so, names the word.
bool report_bad_help(const CLI::App& app, const std::vector<std::string>& words);

/// Whether an option follows the verb which that does not have, or a flag that is given a value; if
/// so, names it. Words such as "-hint" are neither options nor options of one letter put together.
bool report_unknown_option(const CLI::App& app, const std::vector<std::string>& words);

/// Whether a word is empty, most likely a variable that was not set; if so, says which.
bool report_empty_word(const CLI::App& app, const std::vector<std::string>& words);

/// Says what is wrong with the arguments of a verb, and what to read or to type instead.
void report_usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace vitro::cli
