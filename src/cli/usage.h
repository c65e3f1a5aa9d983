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

/// Whether the command line begins with neither a verb nor an option of the program itself; if so,
/// says what would have been right.
bool report_bad_start(const CLI::App& app, int argc, char** argv);

/// Whether a word such as "-hint" or "-half" follows the verb, which is neither an option nor
/// options of one letter put together, although an 'h' in it would ask for help; if so, says so.
bool report_single_dash(const CLI::App& app, int argc, char** argv);

/// Says what is wrong with the arguments of a verb, and what to read or to type instead.
void report_usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace vitro::cli
