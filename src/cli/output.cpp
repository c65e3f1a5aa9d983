#include "cli/output.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/check.h"

namespace vitro::cli {
namespace {

/// Columns of the narrowest common terminal.
constexpr size_t kNarrowTerminal = 80;
constexpr size_t kNarrowest = 40, kWidest = 10'000;

/// Whether anything went to standard output, and the last error.
bool stdout_used = false;
struct {
  std::string message, hint, code;
} last_error;

[[noreturn]] void fail_stdout() {
  if (errno == EPIPE) throw ReaderGone();
  const std::string reason = std::generic_category().message(errno);
  fail(ErrorCode::DeviceError, "cannot write to standard output: {}", reason);
}

}  // namespace

void write_stdout(std::string_view text) {
  stdout_used = true;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_stdout();
}

void flush_stdout() {
  if (std::fflush(stdout) != 0) fail_stdout();
}

std::string json_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print_json(const Json& value) { write_stdout(json_text(value)); }

void report_error(std::string_view message, std::string_view hint, std::string_view code) {
  std::string text = "error: " + printable(message) + "\n";
  if (!hint.empty()) text += "hint: " + printable(hint) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
  last_error = {std::string(message), std::string(hint), std::string(code)};
}

void print_error_json() {
  if (stdout_used) return;
  print_json(
      {{"error",
        {{"code", last_error.code}, {"message", last_error.message}, {"hint", last_error.hint}}}});
}

size_t output_width() {
  if (const char* columns = std::getenv("COLUMNS")) {
    const long width = std::strtol(columns, nullptr, 10);
    if (width > 0) return std::clamp(static_cast<size_t>(width), kNarrowest, kWidest);
  }
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::clamp(size_t{size.ws_col}, kNarrowest, kWidest);
  return kNarrowTerminal;
}

std::string wrapped(std::string text, size_t width) {
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin <= width) {
      begin = end + 1;
      continue;
    }
    // The spaces that a line begins with are its indentation, no place to break.
    const size_t word = text.find_first_not_of(' ', begin);
    size_t space = text.rfind(' ', begin + width);
    if (space == std::string::npos || space < word) space = text.find(' ', word);
    if (space >= end) {  // one long word
      begin = end + 1;
      continue;
    }
    text[space] = '\n';
    begin = space + 1;
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    const auto code = static_cast<unsigned char>(c);
    // U+0080 to U+009F, in UTF-8 0xc2 and the code, are control characters too: U+009B is ESC [.
    const bool after_c2 = !result.empty() && result.back() == '\xc2';
    if (after_c2 && code >= 0x80 && code < 0xa0)
      result.back() = '?';
    else
      result.push_back((code < 0x20 && c != '\n' && c != '\t') || code == 0x7f ? '?' : c);
  }
  return result;
}

std::string printable_line(std::string_view text) {
  std::string result = printable(text);
  for (char& c : result)
    if (c == '\n' || c == '\t') c = '?';
  return result;
}

std::string bold(std::string_view text) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool plain = (no_color && *no_color) || ::isatty(STDOUT_FILENO) == 0;
  return plain ? std::string(text) : fmt::format("\x1b[1m{}\x1b[0m", text);
}

std::string threads_text(int threads) {
  return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
}

std::string decimal_text(double value, int decimals, int significant) {
  if (value != 0 && std::isfinite(value)) {
    const int first = -static_cast<int>(std::floor(std::log10(std::abs(value))));
    decimals = std::max(decimals, first + significant - 1);
  }
  return fmt::format("{:.{}f}", value, decimals);
}

std::string few_of(const std::vector<std::string>& names) {
  constexpr size_t kFew = 3;
  const size_t shown = std::min(names.size(), kFew), more = names.size() - shown;
  std::string text;
  for (size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == shown && more == 0;
    text += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  return more > 0 ? fmt::format("{} and {} more", text, more) : text;
}

std::string bytes_text(double bytes) {
  const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

void reserve_standard_streams() {
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    // Opened the wrong way round, so that using the stream is still an error. open() takes the
    // lowest free number, which is this one.
    const int opened = ::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != descriptor) std::abort();
  }
}

}  // namespace vitro::cli
