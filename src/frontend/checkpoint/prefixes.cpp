#include "frontend/checkpoint/prefixes.h"

#include <algorithm>
#include <array>
#include <optional>

#include "models/models.h"

namespace vitro {
namespace {

constexpr size_t kMaxModels = 64;  // in one file; the others are not looked for

/// Modules that PyTorch wraps around others: torch.compile, FSDP, activation checkpoints, DDP.
constexpr std::array<std::string_view, 4> kWrappers{"_orig_mod", "_fsdp_wrapped_module",
                                                    "_checkpoint_wrapped_module", "module"};

bool is_wrapper(std::string_view part) {
  return std::find(kWrappers.begin(), kWrappers.end(), part) != kWrappers.end();
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

/// Takes the last part off a name.
std::string_view pop_part(std::string_view& name) {
  const size_t dot = name.rfind('.');
  const std::string_view part = name.substr(dot == std::string_view::npos ? 0 : dot + 1);
  name.remove_suffix(std::min(name.size(), part.size() + 1));
  return part;
}

/// What comes before the landmark when the name ends with it, wrappers between its parts aside. The
/// first part need not be a whole one: "netblocks1.0..." has the prefix "net".
std::optional<std::string_view> prefix_before(std::string_view name, std::string_view landmark) {
  const std::string_view whole = name;
  while (!name.empty()) {
    std::string_view rest = landmark;
    const std::string_view wanted = pop_part(rest);
    const bool is_first = rest.empty();
    const std::string_view part = pop_part(name);
    if (is_first && part.ends_with(wanted))
      return whole.substr(
          0, static_cast<size_t>(part.data() - whole.data()) + part.size() - wanted.size());
    if (!is_first && part == wanted)
      landmark = rest;
    else if (!is_wrapper(part))
      return std::nullopt;
  }
  return std::nullopt;
}

bool contains_run(const std::vector<std::string_view>& parts,
                  const std::vector<std::string_view>& run) {
  return !run.empty() &&
         std::search(parts.begin(), parts.end(), run.begin(), run.end()) != parts.end();
}

/// 0 is taken first, in the order of timm's load_checkpoint(); 3 is what it does not know.
int rank(const std::string& prefix) {
  if (is_average(prefix)) return 0;
  if (prefix.starts_with("state_dict.")) return 1;
  return prefix.starts_with("model.") ? 2 : 3;
}

}  // namespace

std::vector<std::string> find_prefixes(const TensorFile& file) {
  std::vector<std::string> prefixes;
  const auto look_at = [&](const std::string& name) {
    for (const std::string_view landmark : landmark_tensors()) {
      const auto prefix = prefix_before(name, landmark);
      if (prefix && prefixes.size() < kMaxModels &&
          std::find(prefixes.begin(), prefixes.end(), *prefix) == prefixes.end())
        prefixes.emplace_back(*prefix);
    }
  };
  for (const TensorEntry& tensor : file.tensors) look_at(tensor.name);
  for (const OtherEntry& other : file.others)
    if (other.kind != OtherEntry::Kind::Data) look_at(other.name);
  return prefixes;
}

std::string without_wrappers(std::string_view name) {
  std::string result;
  for (const std::string_view part : split(name, ".")) {
    if (is_wrapper(part)) continue;
    if (!result.empty()) result += '.';
    result += part;
  }
  return result;
}

std::string key_of(const std::string& prefix) {
  if (prefix.empty()) return ".";
  return prefix.ends_with('.') ? prefix.substr(0, prefix.size() - 1) : prefix;
}

std::vector<std::string> prefixes_of_key(const std::vector<std::string>& prefixes,
                                         const std::string& key) {
  std::vector<std::string> found;
  const auto run = split(key, ".");
  for (const std::string& prefix : prefixes) {
    if (key_of(prefix) == key) return {prefix};
    if (contains_run(split(prefix, "."), run)) found.push_back(prefix);
  }
  return found;
}

std::string shortest_key(const std::vector<std::string>& prefixes, const std::string& prefix) {
  for (const std::string_view part : split(prefix, ".")) {
    const std::string key(part);
    if (prefixes_of_key(prefixes, key) == std::vector{prefix}) return key;
  }
  return key_of(prefix);
}

std::vector<std::string> conventional_prefix(const std::vector<std::string>& prefixes) {
  std::array<std::vector<std::string>, 4> ranked;
  for (const std::string& prefix : prefixes)
    ranked[static_cast<size_t>(rank(prefix))].push_back(prefix);
  if (!ranked[0].empty()) return ranked[0].size() == 1 ? ranked[0] : std::vector<std::string>{};
  const bool known = ranked[3].empty() && ranked[1].size() == 1 && ranked[2].size() == 1;
  return known ? ranked[1] : std::vector<std::string>{};
}

bool is_average(const std::string& prefix) {
  for (const std::string_view part : split(prefix, "._-")) {
    std::string word(part);
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (word == "ema") return true;
  }
  return false;
}

}  // namespace vitro
