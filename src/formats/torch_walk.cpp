#include "formats/torch_walk.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxVisits = 4'000'000;
constexpr size_t kMaxNameLength = 4096;
constexpr size_t kMaxNameBytes = 64u << 20;
constexpr size_t kMaxData = 10'000;  // entries without a tensor that are remembered
constexpr const char* kSaveState = "in Python: torch.save(model.state_dict(), new_path)";
constexpr const char* kConvertArrays =
    "in Python: save a dict of torch.from_numpy(array) with torch.save";

/// "numpy.core.multiarray._reconstruct", or of the private module that later versions have.
bool is_numpy_array(const PickleValue& value) {
  return value.is(Kind::Call) && value.text.starts_with("numpy.") &&
         value.text.ends_with("._reconstruct");
}

/// The dict of a pickled torch.nn.Module, of whatever class, or null.
const PickleValue* module_state(const PickleValue& value) {
  if (!value.is(Kind::Call) || value.items.size() < 2) return nullptr;
  const PickleValue* state = value.items[1];
  return state->find("_parameters") != nullptr && state->find("_modules") != nullptr ? state
                                                                                     : nullptr;
}

/// Plain data and its small wrappers (numbers of NumPy, paths, shapes), of which nobody expects a
/// tensor.
bool is_data(const PickleValue& value) {
  if (!value.is(Kind::Call)) return true;
  constexpr std::array<std::string_view, 7> kModules = {"builtins.", "__builtin__.", "argparse.",
                                                        "pathlib.",  "datetime.",    "collections.",
                                                        "copyreg."};
  return value.text.ends_with(".scalar") || value.text == "torch.Size" ||
         value.text == "torch.device" || value.text == "_codecs.encode" ||
         std::any_of(kModules.begin(), kModules.end(),
                     [&](std::string_view module) { return value.text.starts_with(module); });
}

/// Depth, cycles and the number of visits are bounded because the values of a pickle can refer to
/// each other in any way.
class Collector {
 public:
  Collector(TorchTensorReader& reader, std::string_view file) : reader_(reader), file_(file) {}

  TensorFile result;

  /// Whether anything was found in the value.
  bool visit(const PickleValue& value, const std::string& name) {
    if (is_torch_tensor(value)) return add_tensor(name, value);
    if (const PickleValue* state = module_state(value)) {
      if (value.text.find(".quantized.") != std::string::npos) return add_quantized(name);
      return visit_module(*state, name);
    }
    if (value.is(Kind::Call)) return add_object(name, value);
    if (!value.is(Kind::Dict) && !value.is(Kind::List) && !value.is(Kind::Tuple)) return false;
    if (path_.size() >= kMaxDepth) return false;
    if (std::find(path_.begin(), path_.end(), &value) != path_.end()) return false;  // a cycle
    path_.push_back(&value);
    const bool found = value.is(Kind::Dict) ? visit_dict(value, name) : visit_items(value, name);
    path_.pop_back();
    return found;
  }

 private:
  bool visit_dict(const PickleValue& dict, const std::string& name) {
    bool found = false;
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      count_visit();
      const PickleValue& key = *dict.items[i];
      if (!key.is(Kind::String) && !key.is(Kind::Int)) continue;
      const std::string child =
          join(name, key.is(Kind::Int) ? std::to_string(key.integer) : key.text);
      if (!visit(*dict.items[i + 1], child)) add_data(child);
      found = true;
    }
    return found;
  }

  bool visit_items(const PickleValue& list, const std::string& name) {
    bool found = false;
    for (size_t i = 0; i < list.items.size(); ++i) {
      count_visit();
      const PickleValue& item = *list.items[i];
      const bool may_hold =
          item.is(Kind::Dict) || item.is(Kind::List) || item.is(Kind::Tuple) || item.is(Kind::Call);
      if (may_hold && visit(item, join(name, std::to_string(i)))) found = true;
    }
    return found;
  }

  /// The names of the state dict that the module would have.
  bool visit_module(const PickleValue& state, const std::string& name) {
    bool found = false;
    for (const char* members : {"_parameters", "_buffers", "_modules"}) {
      const PickleValue* dict = state.find(members);
      if (dict != nullptr && dict->is(Kind::Dict)) found |= visit(*dict, name);
    }
    return found;
  }

  void count_visit() {
    check(++num_visits_ <= kMaxVisits, ErrorCode::CorruptFile, "'{}': more than {} values", file_,
          kMaxVisits);
  }

  std::string join(const std::string& name, const std::string& key) {
    check(name.size() + key.size() < kMaxNameLength, ErrorCode::CorruptFile,
          "'{}': a tensor name of more than {} bytes", file_, kMaxNameLength);
    return name.empty() ? key : name + "." + key;
  }

  void count_name(const std::string& name) {
    name_bytes_ += name.size();
    check(name_bytes_ <= kMaxNameBytes, ErrorCode::OutOfMemory,
          "'{}': names of more than {} bytes together", file_, kMaxNameBytes);
  }

  bool add_tensor(const std::string& name, const PickleValue& value) {
    count_name(name);
    try {
      result.tensors.push_back(reader_.read(name, value));
    } catch (const Error& e) {
      // It may belong to an optimizer; who needs it reports the problem.
      if (e.code() == ErrorCode::CorruptFile) throw;
      result.others.push_back({name, OtherEntry::Kind::Array, e.what(), e.hint()});
    }
    return true;
  }

  bool add_quantized(const std::string& name) {
    count_name(name);
    result.others.push_back({name, OtherEntry::Kind::Array,
                             fmt::format("'{}': the layer '{}' is quantized", file_, name),
                             "give the checkpoint that it was quantized from"});
    return true;
  }

  bool add_object(const std::string& name, const PickleValue& value) {
    const bool array = is_numpy_array(value);
    if (!array && is_data(value)) return false;
    count_name(name);
    const std::string who = name.empty() ? "" : fmt::format("'{}' is ", name);
    if (array)
      result.others.push_back(
          {name, OtherEntry::Kind::Array,
           fmt::format("'{}': {}a NumPy array, expected a tensor of PyTorch", file_, who),
           kConvertArrays});
    else
      result.others.push_back(
          {name, OtherEntry::Kind::Object,
           fmt::format("'{}': {}a pickled object of class {:.80}, expected tensors", file_, who,
                       value.text),
           kSaveState});
    return true;
  }

  void add_data(const std::string& name) {
    if (++num_data_ > kMaxData) return;
    count_name(name);
    result.others.push_back({name, OtherEntry::Kind::Data, "", ""});
  }

  TorchTensorReader& reader_;
  std::string_view file_;
  std::vector<const PickleValue*> path_;
  size_t num_visits_ = 0, name_bytes_ = 0, num_data_ = 0;
};

/// What a file without a tensor holds: arrays of another kind say more than objects.
[[noreturn]] void fail_without_tensors(const std::vector<OtherEntry>& others,
                                       std::string_view file) {
  for (const OtherEntry::Kind kind : {OtherEntry::Kind::Array, OtherEntry::Kind::Object}) {
    const auto is_kind = [&](const OtherEntry& entry) { return entry.kind == kind; };
    const auto first = std::find_if(others.begin(), others.end(), is_kind);
    if (first == others.end()) continue;
    const auto more = std::count_if(first + 1, others.end(), is_kind);
    throw Error(
        ErrorCode::Unsupported,
        more == 0 ? first->problem : fmt::format("{} (and {} more like it)", first->problem, more),
        first->hint);
  }
  fail_hint(ErrorCode::Unsupported, kSaveState, "'{}' holds no tensors", file);
}

}  // namespace

TensorFile collect_tensors(const PickleValue& root, TorchTensorReader& reader,
                           std::string_view file) {
  Collector collector(reader, file);
  collector.visit(root, "");
  if (collector.result.tensors.empty()) fail_without_tensors(collector.result.others, file);
  return std::move(collector.result);
}

}  // namespace vitro
