#pragma once

#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "core/byte_reader.h"

// What a pass over pictures has gathered, as bytes and back. A class that has state lists it once,
// for both directions:
//
//     template <typename State>
//     void state(State& state) { state(sum_, counts_); }
namespace vitro {

/// What both have for checks.
struct StateLimits {
  /// The most that is counted: far more than any pass has, far less than what overflows.
  static constexpr int64_t kMostCount = int64_t{1} << 60;
};

class StateWriter : public StateLimits {
 public:
  template <typename... Ts>
  void operator()(const Ts&... values) {
    (put(values), ...);
  }
  void expect(bool condition, const char* what) const {
    check(condition, ErrorCode::Internal, "the state of a calibration: {}", what);
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  void put_bytes(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  template <typename T>
  requires std::is_arithmetic_v<T>
  void put(const T& value) { put_bytes(std::as_bytes(std::span(&value, 1))); }
  void put(const std::string& text) {
    put(uint64_t{text.size()});
    put_bytes(as_byte_span(text));
  }
  template <typename T>
  void put(const std::vector<T>& values) {
    put(uint64_t{values.size()});
    if constexpr (std::is_arithmetic_v<T>)
      put_bytes(std::as_bytes(std::span(values)));
    else
      for (const T& value : values) put(value);
  }
  void put(const std::mt19937& random) {
    std::ostringstream text;  // as the standard has it
    text << random;
    put(text.str());
  }

  std::vector<std::byte> bytes_;
};

/// Throws CorruptFile for bytes that no StateWriter gave.
class StateReader : public StateLimits {
 public:
  explicit StateReader(ByteReader& bytes) : bytes_(bytes) {}

  /// Lists that have elements must be as long in the bytes.
  template <typename... Ts>
  void operator()(Ts&... values) {
    (get(values), ...);
  }
  void expect(bool condition, const char* what) const {
    check(condition, ErrorCode::CorruptFile, "'{}': {}", bytes_.name(), what);
  }

 private:
  template <typename T>
  requires std::is_arithmetic_v<T>
  void get(T& value) { value = bytes_.read<T>(); }
  void get(std::string& text) { text = as_text(bytes_.take(bytes_.read<uint64_t>())); }
  template <typename T>
  void get(std::vector<T>& values) {
    constexpr size_t least = std::is_arithmetic_v<T> ? sizeof(T) : sizeof(uint64_t);
    const auto count = bytes_.read<uint64_t>();
    expect(count <= bytes_.remaining() / least, "a list that is cut off");
    expect(values.empty() || values.size() == count, "a list of another length");
    values.resize(static_cast<size_t>(count));
    if constexpr (std::is_arithmetic_v<T>) {
      const auto src = bytes_.take(count * sizeof(T));
      std::copy(src.begin(), src.end(), std::as_writable_bytes(std::span(values)).begin());
    } else {
      for (T& value : values) get(value);
    }
  }
  void get(std::mt19937& random) {
    std::string text;
    get(text);
    std::istringstream stream(text);
    stream >> random;
    expect(!stream.fail(), "no state of a random generator");
  }

  ByteReader& bytes_;
};

}  // namespace vitro
