#include "frontend/checkpoint/head.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "core/check.h"
#include "frontend/checkpoint/ledger.h"
#include "models/models.h"

namespace vitro {
namespace {

constexpr std::string_view kWeight = ".weight";
constexpr size_t kMaxLevels = 8;  // around the model, in which a head is looked for

const TensorEntry* find_tensor(const std::vector<TensorEntry>& tensors, std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const TensorEntry& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

using Group = std::vector<const TensorEntry*>;

/// The tensors of a scope by the first part of their names, those of the model aside.
std::map<std::string, Group> groups_in(const TensorFile& file, const std::string& scope,
                                       const std::string& prefix) {
  std::map<std::string, Group> groups;
  for (const TensorEntry& tensor : file.tensors) {
    if (!tensor.name.starts_with(scope) || is_counter(tensor.name, tensor.dims)) continue;
    if (scope != prefix && tensor.name.starts_with(prefix)) continue;  // of an inner scope
    const std::string rest = tensor.name.substr(scope.size());
    std::string first = rest.substr(0, rest.find('.'));
    if (scope == prefix && first != "head" && (is_in_model(rest) || is_for_training(rest)))
      continue;
    groups[std::move(first)].push_back(&tensor);
  }
  return groups;
}

/// The name of the layer when the group is a linear layer for `width` channels and nothing else.
std::optional<std::string> linear_layer(const Group& group, int64_t width) {
  if (group.size() != 2) return std::nullopt;
  const bool weight_first = group[0]->dims.size() == 2;
  const TensorEntry &weight = *group[weight_first ? 0 : 1], &bias = *group[weight_first ? 1 : 0];
  if (!weight.name.ends_with(kWeight) || weight.dims.size() != 2 || weight.dims[1] != width ||
      bias.dims != Dims{weight.dims[0]})
    return std::nullopt;
  std::string name = weight.name.substr(0, weight.name.size() - kWeight.size());
  return bias.name == name + ".bias" ? std::optional(std::move(name)) : std::nullopt;
}

/// The scope around one: "a." of "a.b.", "" of "a.".
std::string parent_of(const std::string& scope) {
  if (scope.size() < 2) return "";
  const size_t dot = scope.rfind('.', scope.size() - 2);
  return dot == std::string::npos ? "" : scope.substr(0, dot + 1);
}

}  // namespace

std::optional<std::string> find_renamed_head(const TensorFile& file, const std::string& prefix,
                                             const std::vector<TensorEntry>& tensors,
                                             const std::string& source) {
  const TensorEntry* norm = find_tensor(tensors, "norm.weight");
  if (norm == nullptr || norm->dims.size() != 1 || find_tensor(tensors, "head.weight") != nullptr)
    return std::nullopt;
  std::string scope = prefix;
  for (size_t level = 0; level < kMaxLevels; ++level, scope = parent_of(scope)) {
    std::vector<std::string> layers;
    for (const auto& [first, group] : groups_in(file, scope, prefix))
      if (auto layer = linear_layer(group, norm->dims[0])) layers.push_back(std::move(*layer));
    if (layers.size() == 1) return layers[0];
    if (layers.size() > 1)
      fail_hint(ErrorCode::Unsupported, "rename the one that is meant to 'head'",
                "'{}' has no 'head.weight', and {} layers that could be the head: '{}', '{}'{}",
                source, layers.size(), layers[0], layers[1], layers.size() > 2 ? ", ..." : "");
    if (scope.empty()) break;
  }
  return std::nullopt;
}

}  // namespace vitro
