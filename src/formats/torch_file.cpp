#include "formats/torch_file.h"

#include <algorithm>
#include <set>

#include "core/byte_reader.h"
#include "core/check.h"
#include "formats/pickle.h"
#include "formats/torch_tensor.h"
#include "formats/zip.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxPickleBytes = 64u << 20;
constexpr size_t kMaxDepth = 8;
constexpr size_t kMaxVisits = 1'000'000;
constexpr size_t kMaxNameLength = 4096;
constexpr size_t kGatherHeadroom = 16u << 20;
constexpr const char* kResave = "in Python: torch.save(torch.load(path), new_path)";

/// What a file that is no ZIP archive probably is.
[[noreturn]] void fail_not_zip(std::span<const std::byte> bytes, std::string_view name) {
  const std::string_view text = as_text(bytes);
  // The pickled integer 0x1950a86a20f9469cfc6c that starts files of torch < 1.6.
  constexpr std::string_view kLegacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  if (text.size() > 2 && text.substr(2).starts_with(kLegacyMagic)) {
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save(torch.load(path), new_path, "
              "_use_new_zipfile_serialization=True)",
              "'{}' is a PyTorch file of the legacy format (before 1.6)", name);
  }
  if (text.starts_with('\x80')) {
    fail_hint(ErrorCode::Unsupported, kResave,
              "'{}' is a plain pickle, expected a PyTorch checkpoint", name);
  }
  check(!bytes.empty(), ErrorCode::CorruptFile, "'{}' is empty", name);
  fail(ErrorCode::CorruptFile, "'{}' is not a PyTorch checkpoint: it is no ZIP archive", name);
}

/// The folder in the archive that holds data.pkl, with its slash.
std::string find_prefix(const ZipArchive& archive, std::string_view name) {
  constexpr std::string_view kPickle = "data.pkl";
  const std::string* found = nullptr;
  for (const auto& [entry, data] : archive.entries) {
    const bool in_folder =
        entry.ends_with("/data.pkl") && entry.find('/') == entry.size() - kPickle.size() - 1;
    if (entry != kPickle && !in_folder) continue;
    if (found != nullptr) {
      fail(ErrorCode::CorruptFile, "'{}' has two pickles: '{}' and '{}'", name, *found, entry);
    }
    found = &entry;
  }
  check(found != nullptr, ErrorCode::CorruptFile,
        "'{}' is a ZIP archive without data.pkl: not a PyTorch checkpoint", name);
  return found->substr(0, found->size() - kPickle.size());
}

void check_archive(const ZipArchive& archive, const std::string& prefix, std::string_view name) {
  if (archive.find(prefix + "constants.pkl") != nullptr) {
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save(torch.jit.load(path).state_dict(), new_path)",
              "'{}' is a TorchScript archive, expected a checkpoint", name);
  }
  const auto* order = archive.find(prefix + "byteorder");
  check(order == nullptr || as_text(*order) == "little", ErrorCode::Unsupported,
        "'{}' was written on a big-endian machine", name);
}

/// The dict that holds the weights.
const PickleValue* find_state_dict(const PickleValue* root, std::string_view name) {
  const PickleValue* state = root;
  for (std::string_view wrapper : {"model", "state_dict", "model_ema"}) {
    const PickleValue* inner = root->find(wrapper);
    if (inner == nullptr) continue;
    if (inner->is(Kind::Dict)) return inner;
    // A pickled module instead of its weights; kept for the message below.
    if (inner->is(Kind::Call) && !is_torch_tensor(*inner)) state = inner;
  }
  if (state->is(Kind::Dict)) return state;
  const bool is_object = state->is(Kind::Call) && !is_torch_tensor(*state);
  fail_hint(ErrorCode::Unsupported, "in Python: torch.save(model.state_dict(), new_path)",
            "'{}' holds {}{:.80}, expected a dict of tensors", name,
            is_object ? "a pickled object of class " : "no dict", is_object ? state->text : "");
}

/// Walks the state dict. Depth, cycles and the number of visits are bounded because the values of
/// a pickle can refer to each other in any way.
class Flattener {
 public:
  Flattener(TorchTensorReader& reader, std::string_view file) : reader_(reader), file_(file) {}

  std::vector<TensorEntry> tensors;

  void visit(const PickleValue& dict, const std::string& prefix, size_t depth) {
    check(depth < kMaxDepth, ErrorCode::CorruptFile,
          "'{}': dicts are nested deeper than {}, at '{}'", file_, kMaxDepth, prefix);
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      check(++num_visits_ <= kMaxVisits, ErrorCode::CorruptFile,
            "'{}': more than {} values in the state dict", file_, kMaxVisits);
      const PickleValue& key = *dict.items[i];
      const PickleValue& value = *dict.items[i + 1];
      if (!value.is(Kind::Dict) && !is_torch_tensor(value)) continue;
      if (!key.is(Kind::String)) continue;
      check(prefix.size() + key.text.size() <= kMaxNameLength, ErrorCode::CorruptFile,
            "'{}': a tensor name of more than {} bytes", file_, kMaxNameLength);
      const std::string name = prefix + key.text;
      if (value.is(Kind::Dict)) {
        visit(value, name + ".", depth + 1);
      } else {
        check(names_.insert(name).second, ErrorCode::CorruptFile, "'{}': tensor '{}' appears twice",
              file_, name);
        tensors.push_back(reader_.read(name, value));
      }
    }
  }

 private:
  TorchTensorReader& reader_;
  std::string_view file_;
  std::set<std::string> names_;
  size_t num_visits_ = 0;
};

void strip_module_prefix(std::vector<TensorEntry>& tensors) {
  constexpr std::string_view kPrefix = "module.";
  const bool all = std::all_of(tensors.begin(), tensors.end(), [&](const TensorEntry& tensor) {
    return tensor.name.starts_with(kPrefix);
  });
  if (!all) return;
  for (TensorEntry& tensor : tensors) tensor.name.erase(0, kPrefix.size());
}

}  // namespace

TensorFile parse_torch_file(std::span<const std::byte> bytes, std::string_view name) {
  if (!is_zip(bytes)) fail_not_zip(bytes, name);
  const ZipArchive archive = parse_zip(bytes, name);
  const std::string prefix = find_prefix(archive, name);
  check_archive(archive, prefix, name);
  const std::span<const std::byte> pickle = *archive.find(prefix + "data.pkl");
  check(pickle.size() <= kMaxPickleBytes, ErrorCode::OutOfMemory,
        "'{}': a pickle of {} bytes, at most {} are read", name, pickle.size(), kMaxPickleBytes);
  const PickleTree tree = parse_pickle(pickle, name);

  // A legitimate file stores an expanded tensor rarely and a transposed one at its own size.
  TorchTensorReader reader(archive, prefix, name, 2 * bytes.size() + kGatherHeadroom);
  Flattener flattener(reader, name);
  flattener.visit(*find_state_dict(tree.root, name), "", 0);
  TensorFile file;
  file.tensors = std::move(flattener.tensors);
  check(!file.tensors.empty(), ErrorCode::Unsupported, "'{}' holds no tensors", name);
  strip_module_prefix(file.tensors);
  file.owners = reader.take_owners();
  return file;
}

TensorFile read_torch_file(std::shared_ptr<const MappedFile> file) {
  TensorFile result = parse_torch_file(file->bytes(), file->path());
  result.owners.push_back(std::move(file));
  return result;
}

}  // namespace vitro
