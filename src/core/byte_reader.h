#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/check.h"

namespace vitro {

static_assert(std::endian::native == std::endian::little, "file formats are read in place");

/// The bytes as text, without a copy.
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The text as bytes, without a copy.
inline std::span<const std::byte> as_byte_span(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

/// A cursor over little-endian bytes; every read past the end throws CorruptFile.
class ByteReader {
 public:
  /// `name` is the file shown in errors; it must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, std::string_view name)
      : bytes_(bytes), name_(name) {}

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  std::string_view name() const { return name_; }

  /// A view of the next `count` bytes.
  std::span<const std::byte> take(uint64_t count) {
    check(count <= remaining(), ErrorCode::CorruptFile,
          "'{}' is truncated: {} bytes wanted at offset {}, {} left", name_, count, offset_,
          remaining());
    const auto taken = bytes_.subspan(offset_, static_cast<size_t>(count));
    offset_ += static_cast<size_t>(count);
    return taken;
  }

  template <typename T>
  T read() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  /// The text up to the next newline, which is consumed but not returned.
  std::string_view take_line() {
    const std::string_view rest = as_text(bytes_.subspan(offset_));
    const size_t length = rest.find('\n');
    check(length != std::string_view::npos, ErrorCode::CorruptFile,
          "'{}' is truncated: the line at offset {} does not end", name_, offset_);
    offset_ += length + 1;
    return rest.substr(0, length);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  size_t offset_ = 0;
};

}  // namespace vitro
