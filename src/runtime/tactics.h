#pragma once

#include <compare>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "backends/backend.h"

namespace vitro {

/// What tactics hold for.
struct TacticSetting {
  std::string machine;  ///< Backend::machine()
  int threads = 1;      ///< 1 where they do not matter
  auto operator<=>(const TacticSetting&) const = default;
};
/// All that was measured, on whatever machines.
using Tactics = std::map<TacticSetting, TacticTable>;

TacticSetting tactic_setting(const Backend& backend, int threads);

/// Adds `newer`, whose tactics replace those of the same op and setting.
void merge_tactics(Tactics& tactics, const Tactics& newer);

/// JSON text, the same for equal tactics; with `indent` blanks for each level, or on one line (-1).
std::string tactics_to_json(const Tactics& tactics, int indent = -1);
/// Throws CorruptFile, naming what is wrong. Implementations that this version does not know are
/// kept: tactics move between versions.
Tactics tactics_from_json(std::string_view json);

/// A file of such text. Throws NotFound or CorruptFile.
Tactics load_tactics(const std::filesystem::path& path);

}  // namespace vitro
