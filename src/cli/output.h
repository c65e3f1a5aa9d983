#pragma once

#include <fmt/format.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vitro::cli {

using Json = nlohmann::ordered_json;

/// Thrown when the reader of standard output has gone away, as after `vitro ... | head`: that is no
/// error to report. Not a std::exception, so that nobody takes it for the failure of what they do.
struct ReaderGone {};

/// Appends to standard output. Throws DeviceError when it is closed or full, ReaderGone when it is
/// a pipe that nobody reads.
void write_stdout(std::string_view text);
/// Pushes out what write_stdout() buffered; call before the program ends. Throws like it.
void flush_stdout();

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_stdout(fmt::format(format, std::forward<Args>(args)...));
}

/// Indented JSON and a newline. Text that is not UTF-8 is repaired, NaN and infinity become null.
std::string json_text(const Json& value);
/// The same on standard output.
void print_json(const Json& value);

/// "error: ..." and, when there is one, "hint: ..." on standard error. `code` is for programs: the
/// name of an ErrorCode, "Usage", kGateCode or kInterruptedCode.
void report_error(std::string_view message, std::string_view hint, std::string_view code);
/// The code of a gate that failed.
inline constexpr const char* kGateCode = "GateFailed";
inline constexpr const char* kInterruptedCode = "Interrupted";

/// Prints the last error as the object "error" of docs/cli.md, unless something was printed before.
void print_error_json();

/// Columns of the terminal, or what the variable COLUMNS says; 80 where neither is known.
size_t output_width();

/// Breaks lines at spaces so that none is longer than `width`, as far as words allow. A word that
/// was not at the beginning of its line can begin the next one.
std::string wrapped(std::string text, size_t width);

/// Text comes from files: control characters, which could drive a terminal, become '?'. New lines
/// and tabs stay.
std::string printable(std::string_view text);
/// The same for a name or a label, in which new lines and tabs could forge further results.
std::string printable_line(std::string_view text);

/// Bold on a terminal; unchanged elsewhere or when the variable NO_COLOR is set and not empty.
std::string bold(std::string_view text);

/// "1 thread", "2 threads".
std::string threads_text(int threads);

/// A number with `decimals` decimals, or with as many more as `significant` digits of it take:
/// "12.30", "0.117" and "0.000313" for two decimals and three digits.
std::string decimal_text(double value, int decimals, int significant = 3);

/// "a, b, c and 4 more": the first few of a list.
std::string few_of(const std::vector<std::string>& names);

/// "1.5 MB", in powers of 1000.
std::string bytes_text(double bytes);

/// Holds descriptors 0 to 2 open. A file opened later could otherwise become standard output and be
/// overwritten with text; this way writing to a closed stream just fails.
void reserve_standard_streams();

}  // namespace vitro::cli
