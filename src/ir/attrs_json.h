#pragma once

#include <nlohmann/json.hpp>

#include "core/expect.h"
#include "core/json.h"
#include "ir/attrs.h"

namespace vitro {

using Json = nlohmann::ordered_json;

inline constexpr Expect expect_in_file{"plan graph"};

/// An integer of the file, which T can hold.
template <typename T>
T integer_from_json(const Json& json) {
  expect_in_file(json.is_number_integer(), "{} where an integer belongs", json.type_name());
  const auto value = json_integer<T>(json);
  expect_in_file(value.has_value(), "{} is out of range", json.dump());
  return *value;
}

template <typename T>
std::vector<T> integers_from_json(const Json& json) {
  expect_in_file(json.is_array(), "{} where a list of integers belongs", json.type_name());
  std::vector<T> values;
  for (const Json& element : json) values.push_back(integer_from_json<T>(element));
  return values;
}

Dims dims_from_json(const Json& json);
DType dtype_from_json(const Json& json);

/// Fields that have their usual value are left out. Floats are exact; those that are not finite are
/// texts: "inf", "-inf", "nan".
Json attrs_to_json(const Attrs& attrs);
/// Sets the fields of attributes of a known kind, each bounded by its type.
void attrs_from_json(const Json& json, Attrs& attrs);

}  // namespace vitro
