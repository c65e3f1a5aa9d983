#include "frontend/checkpoint/select.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/check.h"
#include "frontend/checkpoint/head.h"
#include "frontend/checkpoint/metadata.h"
#include "frontend/checkpoint/prefixes.h"
#include "models/models.h"

namespace vitro {
namespace {

constexpr size_t kMaxListed = 5;
constexpr size_t kMaxPassedOver = 500;

bool is_real(DType dtype) {
  return dtype == DType::Float32 || dtype == DType::Float16 || dtype == DType::BFloat16 ||
         dtype == DType::Float64;
}

/// A bare name with several real numbers is a parameter of the model's own class, whatever it is.
bool is_parameter(const TensorEntry& tensor, std::string_view name) {
  return is_real(tensor.dtype) && name.find('.') == std::string_view::npos &&
         num_elements(tensor.dims) > 1;
}

/// A model in a file.
struct Found {
  std::vector<TensorEntry> tensors;      ///< under the names that the architecture has for them
  std::set<std::string> names;           ///< their names in the file
  bool wrapped = false;                  ///< wrappers were taken out of the middle of names
  std::optional<std::string> head = {};  ///< the layer that was taken for the head

  void add(const TensorEntry& tensor, std::string name) {
    names.insert(tensor.name);
    tensors.push_back(tensor);
    tensors.back().name = std::move(name);
  }
};

/// The tensors behind a prefix that are the model's.
Found find_model_tensors(const TensorFile& file, const std::string& prefix,
                         const std::string& source) {
  Found found;
  for (const TensorEntry& tensor : file.tensors) {
    if (!tensor.name.starts_with(prefix)) continue;
    std::string name = without_wrappers(std::string_view(tensor.name).substr(prefix.size()));
    if (!is_in_model(name) && !is_parameter(tensor, name)) continue;
    if (name.size() != tensor.name.size() - prefix.size()) found.wrapped = true;
    found.add(tensor, std::move(name));
  }
  found.head = find_renamed_head(file, prefix, found.tensors, source);
  if (!found.head) return found;
  std::erase_if(found.tensors, [](const TensorEntry& t) { return t.name.starts_with("head."); });
  for (const TensorEntry& tensor : file.tensors)
    for (const char* part : {".weight", ".bias"})
      if (tensor.name == *found.head + part) found.add(tensor, std::string("head") + part);
  return found;
}

/// Notes whether all tensors that are taken are there, and makes nothing of them.
class Checklist : public WeightSource {
 public:
  explicit Checklist(const TensorShapes& shapes) : shapes_(shapes) {}
  bool complete = true;

  Constant take(const std::string& name, const Dims& dims, std::string_view) override {
    const auto found = shapes_.find(name);
    complete = complete && found != shapes_.end() && found->second == dims;
    auto [constant, values] = allocate_floats(dims);
    std::fill(values.begin(), values.end(), 0.0f);
    return constant;
  }

 private:
  const TensorShapes& shapes_;
};

bool is_complete(const TensorFile& file, const std::string& prefix, const std::string& source) try {
  TensorShapes shapes;
  for (const TensorEntry& tensor : find_model_tensors(file, prefix, source).tensors)
    shapes[tensor.name] = tensor.dims;
  const Identification found = identify_model(shapes);
  if (found.num_classes < 1 || found.num_classes > kMaxClasses) return false;
  Checklist checklist(shapes);
  ModelOptions options;
  options.num_classes = found.num_classes;
  build_uniformer(*found.config, options, checklist);
  return checklist.complete;
} catch (const Error&) {
  return false;  // of no known architecture
}

std::string keys_text(const std::vector<std::string>& prefixes) {
  std::string text;
  for (size_t i = 0; i < std::min(prefixes.size(), kMaxListed); ++i)
    text += fmt::format("{}'{}'", i == 0 ? "" : ", ", key_of(prefixes[i]));
  if (prefixes.size() > kMaxListed)
    text += fmt::format(" and {} more", prefixes.size() - kMaxListed);
  return text;
}

std::string flags_text(const std::vector<std::string>& prefixes,
                       const std::vector<std::string>& wanted) {
  std::string text;
  for (size_t i = 0; i < std::min(wanted.size(), kMaxListed); ++i)
    text +=
        fmt::format("{}--weights-key {}", i == 0 ? "" : " or ", shortest_key(prefixes, wanted[i]));
  return text;
}

std::string prefix_of_key(const std::vector<std::string>& prefixes, const std::string& key,
                          const std::string& source) {
  const std::vector<std::string> found = prefixes_of_key(prefixes, key);
  if (found.size() == 1) return found[0];
  if (found.empty())
    fail_hint(ErrorCode::NotFound,
              prefixes.empty() ? "" : "weights of a model are under: " + keys_text(prefixes),
              "'{}' has no weights of a known architecture under the key '{:.80}'", source, key);
  fail_hint(ErrorCode::InvalidArgument, "take one of them with " + flags_text(prefixes, found),
            "'{}': the key '{:.80}' means {} models: {}", source, key, found.size(),
            keys_text(found));
}

/// The prefix of the model that is taken, and a note when there was a choice.
std::string choose_prefix(const TensorFile& file, const std::vector<std::string>& prefixes,
                          const std::string& source, std::vector<std::string>& notes) {
  if (prefixes.size() == 1) return prefixes[0];
  std::vector<std::string> complete;
  for (const std::string& prefix : prefixes)
    if (is_complete(file, prefix, source)) complete.push_back(prefix);
  const std::vector<std::string>& pool = complete.empty() ? prefixes : complete;
  const std::vector<std::string> chosen = pool.size() == 1 ? pool : conventional_prefix(pool);
  if (chosen.empty())
    fail_hint(ErrorCode::InvalidArgument, "take one of them with " + flags_text(prefixes, pool),
              "'{}' has the weights of {} models: {}", source, pool.size(), keys_text(pool));
  std::vector<std::string> others;
  for (const std::string& prefix : prefixes)
    if (prefix != chosen[0]) others.push_back(prefix);
  notes.push_back(
      fmt::format("took the weights under '{}'{}; take those under {} with {}", key_of(chosen[0]),
                  complete.size() == 1    ? ", the only ones that are complete"
                  : is_average(chosen[0]) ? ", the exponential moving average, as timm does"
                                          : ", as timm does",
                  keys_text(others), flags_text(prefixes, others)));
  return chosen[0];
}

/// Weights of the model that are sparse, quantized or the like.
void refuse_unreadable(const TensorFile& file, const std::string& prefix) {
  const OtherEntry* first = nullptr;
  size_t count = 0;
  for (const OtherEntry& other : file.others) {
    if (other.kind == OtherEntry::Kind::Data || !other.name.starts_with(prefix) ||
        !is_in_model(without_wrappers(std::string_view(other.name).substr(prefix.size()))))
      continue;
    if (first == nullptr) first = &other;
    ++count;
  }
  if (first == nullptr) return;
  const std::string more = count == 1 ? "" : fmt::format(" (and {} more like it)", count - 1);
  throw Error(ErrorCode::Unsupported, first->problem + more, first->hint);
}

/// Arrays of integers or of 8-bit floats are the work of a quantizer, not of a model.
void refuse_quantized(const std::vector<TensorEntry>& tensors, const std::string& source) {
  const TensorEntry* first = nullptr;
  size_t count = 0;
  for (const TensorEntry& tensor : tensors) {
    if (is_real(tensor.dtype) || num_elements(tensor.dims) <= 1) continue;
    if (first == nullptr) first = &tensor;
    ++count;
  }
  if (first != nullptr)
    fail_hint(ErrorCode::Unsupported, "give the checkpoint that it was quantized from",
              "'{}' is quantized: {} tensors like '{}' are {}, expected F32, F16, BF16 or F64",
              source, count, first->name, dtype_name(first->dtype));
}

/// What to call an entry that is not the model's: its path up to where it parts from the model's.
std::string group_of(const std::string& name, const std::string& prefix) {
  const auto parted = std::mismatch(prefix.begin(), prefix.end(), name.begin(), name.end()).first;
  size_t shared = static_cast<size_t>(parted - prefix.begin());
  if (shared < prefix.size() && shared > 0)
    shared = prefix.rfind('.', shared - 1) + 1;  // npos + 1 is 0
  return name.substr(0, name.find('.', shared));
}

/// What the file holds besides the model. Tensors right beside the model's are told in a note,
/// unless they are known to be for training: a layer that the architecture does not have might be
/// meant to take part.
void pass_over(const TensorFile& file, const std::vector<std::string>& prefixes,
               const std::string& prefix, const Found& model, SelectedWeights& result) {
  const auto is_a_model = [&](const std::string& group) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& other) {
      return other != prefix && other.starts_with(group + ".");
    });
  };
  std::map<std::string, int64_t> groups;
  std::set<std::string> beside;
  for (const TensorEntry& tensor : file.tensors) {
    if (model.names.contains(tensor.name)) continue;
    const std::string group = group_of(tensor.name, prefix);
    ++groups[group];
    if (group.starts_with(prefix) && num_elements(tensor.dims) > 1 && !is_a_model(group) &&
        !is_for_training(std::string_view(group).substr(prefix.size())))
      beside.insert(group);
  }
  for (const OtherEntry& other : file.others) groups.try_emplace(group_of(other.name, prefix), 0);
  for (const auto& [name, count] : groups) {
    if (result.passed_over.size() < kMaxPassedOver)
      result.passed_over.push_back({name, count});
    else
      result.passed_over.back() = {"(more)", result.passed_over.back().num_tensors + count};
  }
  if (beside.empty()) return;
  std::string list;
  size_t shown = 0;
  for (const std::string& name : beside)
    if (++shown <= kMaxListed) list += fmt::format("{}'{}'", shown == 1 ? "" : ", ", name);
  if (shown > kMaxListed) list += fmt::format(" and {} more", shown - kMaxListed);
  result.notes.push_back("passed over what the architecture does not have: " + list);
}

}  // namespace

SelectedWeights select_weights(TensorFile file, const std::string& key, const std::string& source) {
  const std::vector<std::string> prefixes = find_prefixes(file);
  SelectedWeights result;
  std::string prefix;
  if (!key.empty())
    prefix = prefix_of_key(prefixes, key, source);
  else if (!prefixes.empty())
    prefix = choose_prefix(file, prefixes, source, result.notes);
  if (prefixes.empty()) {
    result.file = std::move(file);
    return result;
  }
  refuse_unreadable(file, prefix);
  Found model = find_model_tensors(file, prefix, source);
  refuse_quantized(model.tensors, source);
  if (!prefix.empty())
    result.notes.push_back(fmt::format("stripped '{}' from the names of the weights", prefix));
  if (model.wrapped) result.notes.push_back("took wrappers like '_orig_mod' out of names");
  if (model.head)
    result.notes.push_back(fmt::format("took the layer '{}' for the head", *model.head));
  pass_over(file, prefixes, prefix, model, result);
  result.file.tensors = std::move(model.tensors);
  result.file.metadata = std::move(file.metadata);
  result.file.owners = std::move(file.owners);
  return result;
}

}  // namespace vitro
