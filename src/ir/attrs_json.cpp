#include "ir/attrs_json.h"

#include <cmath>

#include "core/dtype.h"
#include "ir/infer.h"

namespace vitro {
namespace {

constexpr size_t kMaxRank = 8;
constexpr size_t kMaxList = 1024;
constexpr size_t kMaxText = 4096;
/// Far below 2^63, so that sums of extents and attributes cannot overflow.
constexpr int64_t kMaxInteger = kMaxElements;

template <typename T>
concept Enum = requires(T value) {
  enum_names(value);
};

Json encode(bool value) { return value; }
Json encode(int64_t value) { return value; }
Json encode(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
Json encode(float value) { return encode(static_cast<double>(value)); }
Json encode(const std::string& value) { return value; }
Json encode(DType value) { return dtype_name(value); }
Json encode(const TensorType& value) {
  return {{"dtype", encode(value.dtype)}, {"dims", value.dims}};
}
Json encode(const std::vector<std::byte>& bytes) {
  std::string text;
  for (std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<int>(byte));
  return text;
}
template <Enum E>
Json encode(E value) {
  return enum_names(value)[static_cast<size_t>(value)];
}
template <typename T>
Json encode_list(const T& values) {
  Json json = Json::array();
  for (const auto& value : values) json.push_back(encode(value));
  return json;
}
template <typename T>
Json encode(const std::vector<T>& values) {
  return encode_list(values);
}
template <size_t N>
Json encode(const std::array<int64_t, N>& values) {
  return encode_list(values);
}

void expect_type(bool condition, const char* name, const Json& json) {
  expect_in_file(condition, "attribute '{}' is {}", name, json.type_name());
}

void decode(const char* name, const Json& json, bool& value) {
  expect_type(json.is_boolean(), name, json);
  value = json.get<bool>();
}
void decode(const char* name, const Json& json, int64_t& value) {
  expect_type(json.is_number_integer(), name, json);
  value = integer_from_json<int64_t>(json);
  expect_in_file(value >= -kMaxInteger && value <= kMaxInteger, "attribute '{}' is {}", name,
                 value);
}
void decode(const char* name, const Json& json, double& value) {
  if (json == "inf" || json == "-inf" || json == "nan") {
    value = json == "nan" ? std::nan("") : json == "inf" ? HUGE_VAL : -HUGE_VAL;
    return;
  }
  expect_type(json.is_number(), name, json);
  value = json.get<double>();
}
void decode(const char* name, const Json& json, float& value) {
  double wide = 0;
  decode(name, json, wide);
  value = static_cast<float>(wide);
}
void decode(const char* name, const Json& json, std::string& value) {
  expect_type(json.is_string(), name, json);
  value = json.get<std::string>();
  expect_in_file(value.size() <= kMaxText, "attribute '{}' has {} bytes", name, value.size());
}
void decode(const char*, const Json& json, DType& value) { value = dtype_from_json(json); }
void decode(const char*, const Json& json, TensorType& value) {
  value = {dtype_from_json(json.at("dtype")), dims_from_json(json.at("dims"))};
}
void decode(const char* name, const Json& json, std::vector<std::byte>& bytes) {
  expect_type(json.is_string(), name, json);
  const auto& text = json.get_ref<const std::string&>();
  const auto digit = [&](size_t i) {
    const auto value = std::string_view("0123456789abcdef").find(text[i]);
    expect_in_file(value != std::string_view::npos, "attribute '{}' is not hexadecimal", name);
    return static_cast<int>(value);
  };
  expect_in_file(text.size() % 2 == 0, "attribute '{}' has half a byte", name);
  bytes.clear();
  for (size_t i = 0; i < text.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(digit(i) * 16 + digit(i + 1)));
}
template <Enum E>
void decode(const char* name, const Json& json, E& value) {
  expect_type(json.is_string(), name, json);
  const auto names = enum_names(value);
  for (size_t i = 0; i < names.size(); ++i) {
    if (json != names[i]) continue;
    value = static_cast<E>(i);
    return;
  }
  expect_in_file(false, "attribute '{}' is {}", name, json.dump());
}
template <typename T>
void decode(const char* name, const Json& json, std::vector<T>& values) {
  expect_type(json.is_array(), name, json);
  expect_in_file(json.size() <= kMaxList, "attribute '{}' has {} elements", name, json.size());
  values.resize(json.size());
  for (size_t i = 0; i < values.size(); ++i) decode(name, json[i], values[i]);
}
template <size_t N>
void decode(const char* name, const Json& json, std::array<int64_t, N>& values) {
  expect_type(json.is_array(), name, json);
  expect_in_file(json.size() == N, "attribute '{}' has {} elements, expected {}", name, json.size(),
                 N);
  for (size_t i = 0; i < N; ++i) decode(name, json[i], values[i]);
}

/// Writes each field.
struct Writer {
  Json& json;
  template <typename T>
  void operator()(const char* name, const T& field) const {
    json[name] = encode(field);
  }
  template <typename T>
  void operator()(const char* name, const T& field, const T& usual) const {
    if (field != usual) json[name] = encode(field);
  }
};

struct Reader {
  const Json& json;
  template <typename T>
  void operator()(const char* name, T& field) const {
    decode(name, json.at(name), field);
  }
  template <typename T>
  void operator()(const char* name, T& field, const T&) const {
    if (json.contains(name)) decode(name, json.at(name), field);
  }
};

}  // namespace

Dims dims_from_json(const Json& json) {
  const Dims dims = integers_from_json<int64_t>(json);
  expect_in_file(dims.size() <= kMaxRank, "rank {}", dims.size());
  for (int64_t extent : dims)
    expect_in_file(extent >= 0 && extent <= kMaxElements, "extent {}", extent);
  expect_in_file(num_elements(dims) <= kMaxElements, "a value of {}", to_string(dims));
  return dims;
}

DType dtype_from_json(const Json& json) {
  const auto name = json.get<std::string>();
  const auto dtype = dtype_from_name(name);
  expect_in_file(dtype.has_value(), "unknown dtype '{}'", name);
  return *dtype;
}

Json attrs_to_json(const Attrs& attrs) {
  Json json = Json::object();
  visit_fields(attrs, Writer{json});
  return json;
}

void attrs_from_json(const Json& json, Attrs& attrs) { visit_fields(attrs, Reader{json}); }

}  // namespace vitro
