#include "formats/torch_file.h"

#include <algorithm>

#include "core/byte_reader.h"
#include "core/check.h"
#include "formats/pickle.h"
#include "formats/torch_legacy.h"
#include "formats/torch_tensor.h"
#include "formats/torch_walk.h"
#include "formats/zip.h"

namespace vitro {
namespace {

constexpr std::string_view kPickle = "data.pkl";
constexpr size_t kMaxPickleBytes = 64u << 20;
constexpr size_t kGatherHeadroom = 16u << 20;

/// Pickles of the first protocols do not say so at their beginning. Throws for one of the others
/// that is damaged or dangerous.
bool is_pickle(std::span<const std::byte> bytes, std::string_view name) {
  const bool says_so = as_text(bytes).starts_with('\x80');
  try {
    parse_pickle(bytes, name);
    return true;
  } catch (const Error&) {
    if (says_so) throw;
    return false;
  }
}

/// What a file that is neither a ZIP archive nor of the legacy format probably is.
[[noreturn]] void fail_other_format(std::span<const std::byte> bytes, std::string_view name) {
  check(!bytes.empty(), ErrorCode::CorruptFile, "'{}' is empty", name);
  if (is_pickle(bytes, name))
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save(pickle.load(open(path, 'rb')), new_path), if it holds tensors "
              "of PyTorch",
              "'{}' is a plain pickle, expected a PyTorch checkpoint", name);
  fail(ErrorCode::CorruptFile, "'{}' is not a PyTorch checkpoint: it is no ZIP archive", name);
}

/// Whether the entry is `file` in the only folder of an archive, or in none.
bool is_on_top(std::string_view entry, std::string_view file) {
  if (!entry.ends_with(file)) return false;
  entry.remove_suffix(file.size());
  return entry.empty() || entry.find('/') == entry.size() - 1;
}

/// Archives that are something else than a checkpoint, told by the names in them.
void refuse_other_archive(std::span<const std::byte> bytes, std::string_view name) {
  const std::vector<std::string> names = zip_names(bytes, name);
  const auto has = [&](auto&& condition) {
    return std::any_of(names.begin(), names.end(), condition);
  };
  if (has([](const std::string& entry) { return is_on_top(entry, "constants.pkl"); }))
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save(torch.jit.load(path).state_dict(), new_path)",
              "'{}' is a TorchScript archive, expected a checkpoint", name);
  if (has([](const std::string& entry) { return is_on_top(entry, "archive_format"); }))
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save(torch.export.load(path).state_dict, new_path)",
              "'{}' is a program of torch.export, expected a checkpoint", name);
  if (has([](const std::string& entry) { return is_on_top(entry, kPickle); })) return;
  if (has([](const std::string& entry) { return entry.ends_with(".npy"); }))
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save({k: torch.from_numpy(v) for k, v in numpy.load(path).items()},"
              " new_path)",
              "'{}' is an archive of NumPy arrays (.npz), expected a checkpoint", name);
  fail_hint(ErrorCode::CorruptFile, "if a checkpoint is in it, unpack it first",
            "'{}' is a ZIP archive without data.pkl: not a PyTorch checkpoint", name);
}

/// The folder in the archive that holds data.pkl, with its slash.
std::string find_prefix(const ZipArchive& archive, std::string_view name) {
  const std::string* found = nullptr;
  for (const auto& [entry, data] : archive.entries) {
    if (!is_on_top(entry, kPickle)) continue;
    check(found == nullptr, ErrorCode::CorruptFile, "'{}' has two pickles: '{}' and '{}'", name,
          found == nullptr ? "" : *found, entry);
    found = &entry;
  }
  check(found != nullptr, ErrorCode::CorruptFile, "'{}' has no data.pkl", name);
  return found->substr(0, found->size() - kPickle.size());
}

TorchStorages storages_of(const ZipArchive& archive, const std::string& prefix) {
  const std::string folder = prefix + "data/";
  TorchStorages storages;
  for (auto entry = archive.entries.lower_bound(folder);
       entry != archive.entries.end() && entry->first.starts_with(folder); ++entry)
    storages.emplace(entry->first.substr(folder.size()), entry->second);
  return storages;
}

/// The tensors of a pickle and the storages that it refers to.
TensorFile collect(const PickleTree& tree, const TorchStorages& storages, size_t file_size,
                   std::string_view name) {
  // A legitimate file stores an expanded tensor rarely and a transposed one at its own size.
  TorchTensorReader reader(storages, name, 2 * file_size + kGatherHeadroom);
  TensorFile file = collect_tensors(*tree.root, reader, name);
  file.owners = reader.take_owners();
  return file;
}

}  // namespace

TensorFile parse_torch_file(std::span<const std::byte> bytes, std::string_view name) {
  if (is_legacy_torch_file(bytes)) {
    const LegacyTorchFile legacy = parse_legacy_torch_file(bytes, name);
    return collect(legacy.tree, legacy.storages, bytes.size(), name);
  }
  if (!is_zip(bytes)) fail_other_format(bytes, name);
  refuse_other_archive(bytes, name);
  const ZipArchive archive = parse_zip(bytes, name);
  const std::string prefix = find_prefix(archive, name);
  const auto* order = archive.find(prefix + "byteorder");
  check(order == nullptr || as_text(*order) == "little", ErrorCode::Unsupported,
        "'{}' was written on a big-endian machine", name);
  const std::span<const std::byte> pickle = *archive.find(prefix + std::string(kPickle));
  check(pickle.size() <= kMaxPickleBytes, ErrorCode::OutOfMemory,
        "'{}': a pickle of {} bytes, at most {} are read", name, pickle.size(), kMaxPickleBytes);
  return collect(parse_pickle(pickle, name), storages_of(archive, prefix), bytes.size(), name);
}

TensorFile read_torch_file(std::shared_ptr<const MappedFile> file) {
  TensorFile result = parse_torch_file(file->bytes(), file->path());
  result.owners.push_back(std::move(file));
  return result;
}

}  // namespace vitro
