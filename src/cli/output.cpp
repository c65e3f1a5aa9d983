#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/check.h"

namespace vitro::cli {
namespace {

[[noreturn]] void fail_stdout() {
  if (errno == EPIPE) throw ReaderGone();
  const std::string reason = std::generic_category().message(errno);
  fail(ErrorCode::DeviceError, "cannot write to standard output: {}", reason);
}

}  // namespace

void write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_stdout();
}

void flush_stdout() {
  if (std::fflush(stdout) != 0) fail_stdout();
}

std::string json_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void print_json(const Json& value) { write_stdout(json_text(value)); }

void report_error(std::string_view message, std::string_view hint) {
  std::string text = "error: " + printable(message) + "\n";
  if (!hint.empty()) text += "hint: " + printable(hint) + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
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
