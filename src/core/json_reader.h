#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/expect.h"
#include "core/json.h"

namespace vitro {

/// Reads the parts of a JSON object, each within bounds, and names in errors where they stand.
/// Throws CorruptFile. For those who link nlohmann's JSON.
class JsonReader {
 public:
  using Json = nlohmann::ordered_json;

  /// `where` is what errors call the object; texts have at most `max_text` bytes. The object must
  /// outlive the reader.
  JsonReader(const Expect& expect, const Json& json, std::string where, size_t max_text)
      : expect_(expect), json_(json), where_(std::move(where)), max_text_(max_text) {
    expect_(json.is_object(), "{} is {}, expected an object", where_, json.type_name());
  }

  const Json& at(const char* name) const {
    const auto found = json_.find(name);
    expect_(found != json_.end(), "{}: '{}' is missing", where_, name);
    return *found;
  }
  bool has(const char* name) const { return json_.contains(name); }

  std::string text(const char* name, size_t least = 1) const { return text(at(name), name, least); }
  std::vector<std::string> texts(const char* name, size_t most) const {
    std::vector<std::string> result;
    for (const Json& entry : list(name, most)) result.push_back(text(entry, name, 0));
    return result;
  }
  /// A list of integers from 0 on.
  std::vector<uint64_t> counts(const char* name, size_t most) const {
    std::vector<uint64_t> result;
    for (const Json& entry : list(name, most)) {
      const auto count = json_integer<uint64_t>(entry);
      expect_(count.has_value(), "{}: '{}' has {}, expected counts", where_, name,
              entry.dump().substr(0, 40));
      result.push_back(*count);
    }
    return result;
  }
  const Json& list(const char* name, size_t most) const {
    const Json& value = at(name);
    expect_(value.is_array() && value.size() <= most,
            "{}: '{}' is {} of {}, expected a list of at most {}", where_, name, value.type_name(),
            value.size(), most);
    return value;
  }
  int64_t count(const char* name, int64_t least, int64_t most) const {
    const auto value = json_integer<int64_t>(at(name));
    expect_(value && *value >= least && *value <= most, "{}: '{}' is {}, expected {} to {}", where_,
            name, at(name).dump().substr(0, 40), least, most);
    return *value;
  }
  double number(const char* name, double least, double most) const {
    return number(at(name), name, least, most);
  }
  double number(const Json& value, const char* name, double least, double most) const {
    expect_(value.is_number(), "{}: '{}' is {}, expected a number", where_, name,
            value.type_name());
    const auto result = value.get<double>();
    expect_(result >= least && result <= most, "{}: '{}' is {}, expected {} to {}", where_, name,
            result, least, most);
    return result;
  }
  const std::string& where() const { return where_; }

 private:
  std::string text(const Json& value, const char* name, size_t least) const {
    expect_(value.is_string(), "{}: '{}' is {}, expected a text", where_, name, value.type_name());
    const auto& text = value.get_ref<const std::string&>();
    expect_(text.size() >= least && text.size() <= max_text_,
            "{}: '{}' has {} bytes, expected {} to {}", where_, name, text.size(), least,
            max_text_);
    return text;
  }

  const Expect& expect_;
  const Json& json_;
  std::string where_;
  size_t max_text_;
};

}  // namespace vitro
