#include "frontend/checkpoint/shards.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/json.h"
#include "frontend/checkpoint/format.h"

namespace vitro {
namespace {

constexpr std::string_view kIndex = ".index.json";
constexpr size_t kMaxListed = 5;

/// JSON, where a safetensors file that happens to begin with a brace has zeros in its first bytes.
bool looks_like_json(std::string_view text) {
  return text.starts_with('{') && text.substr(0, 8).find('\0') == std::string_view::npos;
}

/// 3 of "model-00001-of-00003.safetensors"; nothing for other names.
std::optional<int> shards_in_name(const std::string& name) {
  constexpr std::string_view kOf = "-of-";
  constexpr size_t kDigits = 5;
  const size_t at = name.find(kOf);
  if (at == std::string::npos || at < kDigits) return std::nullopt;
  const auto digits = [](std::string_view text) {
    return text.size() == kDigits && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const std::string total = name.substr(at + kOf.size(), kDigits);
  if (!digits(std::string_view(name).substr(at - kDigits, kDigits)) || !digits(total))
    return std::nullopt;
  return std::stoi(total);
}

std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator end, entry(folder, error);
  for (; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  check(!error, ErrorCode::DeviceError, "cannot read the folder '{}': {}", folder.string(),
        error.message());
  std::sort(names.begin(), names.end());
  return names;
}

std::string list_text(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", names[i]);
  return names.size() <= kMaxListed
             ? text
             : fmt::format("{} and {} more", text, names.size() - kMaxListed);
}

[[noreturn]] void refuse_folder(const std::filesystem::path& folder,
                                const std::vector<std::string>& names) {
  const auto ends_with = [&](std::string_view ending) {
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return name.ends_with(ending); });
  };
  if (ends_with(".distcp"))
    fail_hint(ErrorCode::Unsupported,
              fmt::format("python -m torch.distributed.checkpoint.format_utils dcp_to_torch {} "
                          "model.pth",
                          folder.string()),
              "'{}' is a distributed checkpoint of PyTorch, expected one file", folder.string());
  if (ends_with("saved_model.pb"))
    fail_hint(ErrorCode::Unsupported, kUnderstoodFormats,
              "'{}' is a SavedModel of TensorFlow, which is not supported", folder.string());
  std::vector<std::string> models;
  for (const std::string& name : names)
    for (const char* ending : {".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".plan"})
      if (name.ends_with(ending)) models.push_back(name);
  fail_hint(ErrorCode::InvalidArgument,
            models.empty() ? "give the file of a model, or a folder that has one"
                           : "give a file that is in it: " + list_text(models),
            "'{}' is a folder without the index of a sharded checkpoint (*.index.json)",
            folder.string());
}

/// The index in a folder; that of safetensors where there are several.
std::filesystem::path index_in(const std::filesystem::path& folder) {
  const std::vector<std::string> names = files_in(folder);
  std::vector<std::string> indices, safe;
  for (const std::string& name : names) {
    if (name.ends_with(kIndex)) indices.push_back(name);
    if (name.ends_with(".safetensors.index.json")) safe.push_back(name);
  }
  if (indices.empty()) refuse_folder(folder, names);
  if (safe.size() == 1) return folder / safe[0];
  if (indices.size() > 1)
    fail_hint(ErrorCode::InvalidArgument, "give one of them",
              "'{}' has the indices of {} checkpoints: {}", folder.string(), indices.size(),
              list_text(indices));
  return folder / indices[0];
}

void refuse_lone_shard(const std::filesystem::path& path) {
  const std::optional<int> count = shards_in_name(path.filename().string());
  if (!count || *count <= 1) return;
  fail_hint(ErrorCode::InvalidArgument,
            "give the folder, or the file *.index.json that lies beside it",
            "'{}' is one of the {} files of a sharded checkpoint", path.string(), *count);
}

void append(TensorFile& all, TensorFile part) {
  const auto move_all = [](auto& to, auto& from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  };
  move_all(all.tensors, part.tensors);
  move_all(all.others, part.others);
  move_all(all.owners, part.owners);
  all.metadata.merge(part.metadata);
}

void read_shards(const std::map<std::string, std::string>& file_of, CheckpointFiles& files) {
  std::set<std::string> names, tensors;
  for (const auto& [tensor, file] : file_of) names.insert(file);
  for (const std::string& name : names) {
    const std::filesystem::path path = files.path.parent_path() / name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      fail_hint(ErrorCode::NotFound,
                fmt::format("all {} files that the index names are needed", names.size()),
                "'{}' needs the file '{}', which is not there", files.path.string(), path.string());
    files.maps.push_back(MappedFile::open(path));
    TensorFile part = read_checkpoint_file(files.maps.back());
    std::set<std::string_view> found;
    for (const TensorEntry& tensor : part.tensors) found.insert(tensor.name);
    for (const OtherEntry& other : part.others) found.insert(other.name);
    for (const auto& [tensor, file] : file_of)
      check(file != name || found.contains(tensor), ErrorCode::CorruptFile,
            "'{}' has no tensor '{}', which '{}' says is in it", path.string(), tensor,
            files.path.string());
    for (const TensorEntry& tensor : part.tensors)
      check(tensors.insert(tensor.name).second, ErrorCode::CorruptFile,
            "'{}': the tensor '{}' is in two files, the second is '{}'", files.path.string(),
            tensor.name, name);
    append(files.tensors, std::move(part));
  }
}

}  // namespace

std::map<std::string, std::string> parse_shard_index(std::string_view text,
                                                     const std::string& name) {
  check(text.size() <= kMaxJsonBytes, ErrorCode::OutOfMemory,
        "'{}' has {} bytes of JSON, at most {} are read", name, text.size(), kMaxJsonBytes);
  const auto json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  check(!json.is_discarded(), ErrorCode::CorruptFile, "'{}' is not valid JSON", name);
  const bool has_map = json.is_object() && json.contains("weight_map") &&
                       json["weight_map"].is_object() && !json["weight_map"].empty();
  if (!has_map)
    fail_hint(ErrorCode::CorruptFile, "give the file that has the weights",
              "'{}' is JSON without a weight_map, so it is no index of a sharded checkpoint", name);
  std::map<std::string, std::string> file_of;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    const std::string text_of = file.is_string() ? file.get<std::string>() : "";
    check(!text_of.empty() && text_of != "." && text_of != ".." &&
              text_of.find('/') == std::string::npos && text_of.find('\0') == std::string::npos,
          ErrorCode::CorruptFile,
          "'{}': weight_map '{:.80}': got '{:.80}', expected a file beside it", name, tensor,
          text_of);
    file_of[tensor] = text_of;
  }
  return file_of;
}

CheckpointFiles open_checkpoint(const std::filesystem::path& path) {
  CheckpointFiles files;
  std::error_code ignored;
  files.path = std::filesystem::is_directory(path, ignored) ? index_in(path) : path;
  files.model_path = files.path;
  const std::shared_ptr<const MappedFile> map = MappedFile::open(files.path);
  files.maps.push_back(map);
  if (!looks_like_json(as_text(map->bytes()))) {
    refuse_lone_shard(files.path);
    files.tensors = read_checkpoint_file(map);
    return files;
  }
  const std::string name = files.path.string();
  if (name.ends_with(kIndex)) files.model_path = name.substr(0, name.size() - kIndex.size());
  read_shards(parse_shard_index(as_text(map->bytes()), name), files);
  return files;
}

std::string source_checksum(const MappedFiles& maps) {
  if (maps.size() == 1) return checksum(*maps[0]);
  Checksum sum;
  for (const auto& map : maps) sum.update(as_byte_span(checksum(*map)));
  return sum.digits();
}

}  // namespace vitro
