#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace vitro::onnx {

/// How the value of a field is written (protobuf's wire types; groups are refused).
enum class WireType : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// The file that readers of nested messages share, and what is left of the entries it may have.
struct WireFile {
  std::span<const std::byte> bytes;
  std::string_view name;  ///< in errors
  /// Messages and strings that may still be read: a few bytes of the file make an object of a
  /// hundred, so that their number is what bounds the memory.
  size_t entries_left = size_t{1} << 21;
};

/// Walks the fields of one protobuf message; texts and messages are views of the file. Whatever is
/// wrong throws CorruptFile with the file, the offset and the field.
///
///   while (reader.next()) switch (reader.field()) { case 1: name = reader.text("name"); ... }
///
/// A field that is not read is skipped.
class WireReader {
 public:
  /// `message` names the type in errors: "NodeProto". Both outlive the reader.
  WireReader(WireFile& file, std::span<const std::byte> bytes, const char* message)
      : file_(file), rest_(bytes), message_(message) {}

  /// Goes to the next field; false at the end of the message.
  bool next();
  uint32_t field() const { return field_; }
  WireType type() const { return type_; }

  // The value of the field. `name` is what errors call it.
  int64_t integer(const char* name);
  /// An integer that is an enum or a small count.
  int32_t small(const char* name);
  float number(const char* name);
  std::string_view text(const char* name) const;
  std::span<const std::byte> bytes(const char* name) const;
  /// Counts as an entry.
  WireReader message(const char* name, const char* type) const;
  /// Elements of 4 or 8 bytes: one, or packed.
  std::span<const std::byte> fixed(const char* name, size_t size) const;
  void add_integers(const char* name, std::vector<int64_t>& list);  ///< one, or packed
  void add_numbers(const char* name, std::vector<float>& list);     ///< one, or packed

  /// Takes one of the entries that the file may have; throws OutOfMemory when there are none.
  void count_entry() const;
  WireFile& file() const { return file_; }
  [[noreturn]] void fail_at(const char* name, std::string_view what) const;

 private:
  uint64_t take_varint(const char* name, std::span<const std::byte>& from) const;
  std::span<const std::byte> take(uint64_t count);
  void expect(WireType type, const char* name) const;

  WireFile& file_;
  std::span<const std::byte> rest_;
  const char* message_;
  uint32_t field_ = 0;
  WireType type_{};
  uint64_t value_ = 0;               ///< of a varint
  std::span<const std::byte> view_;  ///< of any other field
};

}  // namespace vitro::onnx
