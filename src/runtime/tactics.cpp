#include "runtime/tactics.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/expect.h"
#include "core/file_io.h"
#include "core/json.h"
#include "core/thread_team.h"

namespace vitro {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "vitro-tactics";
constexpr int kVersion = 1;
constexpr size_t kMaxText = 4096;
constexpr size_t kMaxSettings = 1024, kMaxOps = 1 << 16, kMaxTimings = 256;

constexpr Expect expect{"tactics"};

std::string text_of(const char* name, const Json& json) {
  expect(json.is_string(), "'{}' is {}, expected a text", name, json.type_name());
  const auto& text = json.get_ref<const std::string&>();
  expect(!text.empty() && text.size() <= kMaxText, "'{}' has {} bytes, expected 1 to {}", name,
         text.size(), kMaxText);
  return text;
}

const Json& list_of(const char* name, const Json& json, size_t most) {
  expect(json.is_array() && json.size() <= most, "'{}' is {} of {}, expected a list of at most {}",
         name, json.type_name(), json.size(), most);
  return json;
}

/// A tenth of a microsecond is finer than any clock of use here.
double rounded(double microseconds) { return std::round(microseconds * 10) / 10; }

Json op_to_json(const std::string& key, const Tactic& tactic) {
  Json timings = Json::array();
  for (const auto& [impl, microseconds] : tactic.timings)
    timings.push_back({{"impl", impl}, {"us", rounded(microseconds)}});
  return {{"op", key}, {"impl", tactic.impl}, {"timings", timings}};
}

Tactic op_from_json(const Json& json) {
  Tactic tactic{text_of("impl", json.at("impl")), {}};
  for (const Json& timing : list_of("timings", json.at("timings"), kMaxTimings)) {
    const Json& us = timing.at("us");
    expect(us.is_number() && us.get<double>() >= 0 && us.get<double>() <= 1e12,
           "'us' is {}, expected microseconds", us.dump());
    tactic.timings.push_back({text_of("impl", timing.at("impl")), us.get<double>()});
  }
  return tactic;
}

TacticSetting setting_from_json(const Json& json) {
  const auto threads = json_integer<int>(json.at("threads"));
  expect(threads && *threads >= 1 && *threads <= kMaxThreads, "'threads' is {}, expected 1 to {}",
         json.at("threads").dump(), kMaxThreads);
  return {text_of("machine", json.at("machine")), *threads};
}

Tactics parse(const Json& json) {
  expect(json.is_object() && json.value("format", "") == kFormat,
         "not a file of tactics: its 'format' is not '{}'", kFormat);
  expect(json.at("version") == kVersion, "version {}, this Vitro reads version {}",
         json.at("version").dump(), kVersion);
  Tactics tactics;
  for (const Json& entry : list_of("tactics", json.at("tactics"), kMaxSettings)) {
    TacticTable& table = tactics[setting_from_json(entry)];
    for (const Json& op : list_of("ops", entry.at("ops"), kMaxOps)) {
      const std::string key = text_of("op", op.at("op"));
      expect(table.emplace(key, op_from_json(op)).second, "'{}' is there twice", key);
    }
  }
  return tactics;
}

}  // namespace

TacticSetting tactic_setting(const Backend& backend, int threads) {
  return {backend.machine(), backend.uses_threads() ? threads : 1};
}

void merge_tactics(Tactics& tactics, const Tactics& newer) {
  for (const auto& [setting, table] : newer)
    for (const auto& [key, tactic] : table) tactics[setting][key] = tactic;
}

std::string tactics_to_json(const Tactics& tactics, int indent) {
  Json list = Json::array();
  for (const auto& [setting, table] : tactics) {
    Json ops = Json::array();
    for (const auto& [key, tactic] : table) ops.push_back(op_to_json(key, tactic));
    list.push_back({{"machine", setting.machine}, {"threads", setting.threads}, {"ops", ops}});
  }
  return Json{{"format", kFormat}, {"version", kVersion}, {"tactics", list}}.dump(
      indent, ' ', false, Json::error_handler_t::replace);
}

Tactics tactics_from_json(std::string_view text) try {
  expect(text.size() <= kMaxJsonBytes, "{} bytes, at most {} are read", text.size(), kMaxJsonBytes);
  return parse(Json::parse(text));
} catch (const nlohmann::json::exception& error) {
  fail(ErrorCode::CorruptFile, "tactics: {}", json_problem(error.what()));
}

Tactics load_tactics(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
  try {
    return tactics_from_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const Error& error) {
    fail_hint(error.code(), "write one: vitro build MODEL -o X.plan --tune --tactics FILE",
              "'{}': {}", path.string(), error.what());
  }
}

}  // namespace vitro
