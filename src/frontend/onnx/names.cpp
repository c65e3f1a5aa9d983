#include <algorithm>

#include "frontend/onnx/importer.h"

namespace vitro::onnx {
namespace {

constexpr size_t kMaxNameLength = 200;

bool is_continuation(unsigned char c) { return (c & 0xc0) == 0x80; }

/// Bytes of the UTF-8 character at the start; 0 where there is none that can be shown.
size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x20 || first == 0x7f) return 0;
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 && first < 0xf5   ? 4
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xc2 && first < 0xe0 ? 2
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i)
    if (!is_continuation(static_cast<unsigned char>(text[i]))) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : length;
}

}  // namespace

std::string clean(std::string_view text) {
  std::string result;
  while (!text.empty() && result.size() < kMaxNameLength) {
    const size_t length = character_length(text);
    result += length > 0 ? text.substr(0, length) : "?";
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return text.empty() ? result : result + "...";
}

}  // namespace vitro::onnx
