#include "formats/onnx_wire.h"

#include <cstring>

#include "core/byte_reader.h"
#include "core/check.h"

namespace vitro::onnx {
namespace {

constexpr int kMaxVarintBytes = 10;  // of 7 bits each

const char* type_name(WireType type) {
  switch (type) {
    case WireType::Varint:
      return "a varint";
    case WireType::Fixed64:
      return "8 bytes";
    case WireType::Bytes:
      return "bytes";
    case WireType::Fixed32:
      return "4 bytes";
  }
  return "another type";
}

}  // namespace

void WireReader::fail_at(const char* name, std::string_view what) const {
  const std::byte* at = view_.data() ? view_.data() : rest_.data();
  const bool inside = at >= file_.bytes.data() && at <= file_.bytes.data() + file_.bytes.size();
  fail(ErrorCode::CorruptFile, "'{}': {}.{} near byte {}: {}", file_.name, message_, name,
       inside ? at - file_.bytes.data() : 0, what);
}

void WireReader::count_entry() const {
  if (file_.entries_left == 0)
    fail(ErrorCode::OutOfMemory, "'{}': more nodes, tensors and names than a model may have",
         file_.name);
  --file_.entries_left;
}

uint64_t WireReader::take_varint(const char* name, std::span<const std::byte>& from) const {
  uint64_t value = 0;
  for (int i = 0; i < kMaxVarintBytes; ++i) {
    if (from.empty()) fail_at(name, "a varint is cut off");
    const auto byte = std::to_integer<uint64_t>(from.front());
    from = from.subspan(1);
    value |= (byte & 0x7f) << (7 * i);
    if ((byte & 0x80) == 0) return value;
  }
  fail_at(name, "a varint has more than 10 bytes");
}

std::span<const std::byte> WireReader::take(uint64_t count) {
  if (count > rest_.size())
    fail_at(fmt::format("field {}", field_).c_str(),
            fmt::format("{} bytes wanted, {} are left of the message", count, rest_.size()));
  const auto taken = rest_.first(static_cast<size_t>(count));
  rest_ = rest_.subspan(static_cast<size_t>(count));
  return taken;
}

bool WireReader::next() {
  view_ = {};
  if (rest_.empty()) return false;
  const uint64_t key = take_varint("key", rest_);
  field_ = static_cast<uint32_t>(key >> 3);
  if (key >> 3 == 0 || key >> 3 > 0x1fffffff) fail_at("key", "field numbers go from 1 to 2^29-1");
  type_ = static_cast<WireType>(key & 7);
  switch (type_) {
    case WireType::Varint:
      value_ = take_varint(fmt::format("field {}", field_).c_str(), rest_);
      return true;
    case WireType::Fixed64:
      view_ = take(8);
      return true;
    case WireType::Fixed32:
      view_ = take(4);
      return true;
    case WireType::Bytes: {
      const uint64_t size = take_varint(fmt::format("field {}", field_).c_str(), rest_);
      view_ = take(size);
      return true;
    }
  }
  fail_at(fmt::format("field {}", field_).c_str(), fmt::format("unknown wire type {}", key & 7));
}

void WireReader::expect(WireType type, const char* name) const {
  if (type_ != type)
    fail_at(name, fmt::format("is {}, expected {}", type_name(type_), type_name(type)));
}

int64_t WireReader::integer(const char* name) {
  expect(WireType::Varint, name);
  return static_cast<int64_t>(value_);
}

int32_t WireReader::small(const char* name) {
  const int64_t value = integer(name);
  if (value < INT32_MIN || value > INT32_MAX) fail_at(name, fmt::format("{} is no enum", value));
  return static_cast<int32_t>(value);
}

float WireReader::number(const char* name) {
  expect(WireType::Fixed32, name);
  float value;
  std::memcpy(&value, view_.data(), sizeof(value));
  return value;
}

std::span<const std::byte> WireReader::bytes(const char* name) const {
  expect(WireType::Bytes, name);
  return view_;
}

std::string_view WireReader::text(const char* name) const {
  count_entry();
  return as_text(bytes(name));
}

WireReader WireReader::message(const char* name, const char* type) const {
  count_entry();
  return {file_, bytes(name), type};
}

void WireReader::add_integers(const char* name, std::vector<int64_t>& list) {
  if (type_ == WireType::Varint) {
    list.push_back(static_cast<int64_t>(value_));
    return;
  }
  std::span<const std::byte> packed = bytes(name);
  while (!packed.empty()) list.push_back(static_cast<int64_t>(take_varint(name, packed)));
}

std::span<const std::byte> WireReader::fixed(const char* name, size_t size) const {
  if (type_ == (size == 4 ? WireType::Fixed32 : WireType::Fixed64)) return view_;
  const std::span<const std::byte> packed = bytes(name);
  if (packed.size() % size != 0)
    fail_at(name,
            fmt::format("{} bytes are no whole number of elements of {}", packed.size(), size));
  return packed;
}

void WireReader::add_numbers(const char* name, std::vector<float>& list) {
  const std::span<const std::byte> packed = fixed(name, sizeof(float));
  const size_t before = list.size();
  list.resize(before + packed.size() / sizeof(float));
  if (!packed.empty()) std::memcpy(list.data() + before, packed.data(), packed.size());
}

}  // namespace vitro::onnx
