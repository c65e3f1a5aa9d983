#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/check.h"
#include "core/file_io.h"
#include "formats/safetensors.h"

namespace vitro {
namespace {

std::string json_string(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::InvalidArgument,
         "safetensors: a name or metadata text of {} bytes is not UTF-8", text.size());
  }
}

size_t padding_to(uint64_t offset, size_t alignment) { return -offset & (alignment - 1); }

void check_entry(const TensorEntry& tensor, const std::filesystem::path& path,
                 std::unordered_set<std::string>& names) {
  const bool reserved = tensor.name == "__metadata__" || tensor.name.starts_with("__pad_");
  check(!reserved && names.insert(tensor.name).second, ErrorCode::InvalidArgument,
        "safetensors '{}': the tensor name '{}' is reserved or appears twice", path.string(),
        tensor.name);
  const uint64_t expected =
      static_cast<uint64_t>(num_elements(tensor.dims)) * dtype_size(tensor.dtype);
  check(tensor.bytes.size() == expected, ErrorCode::InvalidArgument,
        "safetensors '{}': tensor '{}' ({} {}) has {} bytes, expected {}", path.string(),
        tensor.name, dtype_name(tensor.dtype), to_string(tensor.dims), tensor.bytes.size(),
        expected);
}

/// The header and the gaps of a file.
struct FileLayout {
  std::string header;           // JSON, without its padding
  std::vector<size_t> padding;  // bytes before each tensor
};

/// Writes the JSON by hand: keys keep the order of the data and no tree is built.
FileLayout plan_layout(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata, size_t alignment) {
  FileLayout layout;
  const char* separator = "";
  auto out = std::back_inserter(layout.header);
  layout.header = "{";
  if (!metadata.empty()) {
    layout.header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      fmt::format_to(out, "{}{}:{}", separator, json_string(key), json_string(value));
      separator = ",";
    }
    layout.header += "}";
  }
  std::unordered_set<std::string> names;
  uint64_t offset = 0;
  size_t num_fillers = 0;
  const auto add = [&](const std::string& name, DType dtype, const Dims& dims, size_t size) {
    fmt::format_to(out, "{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                   separator, json_string(name), dtype_name(dtype), fmt::join(dims, ","), offset,
                   offset + size);
    separator = ",";
    offset += size;
  };
  for (const TensorEntry& tensor : tensors) {
    check_entry(tensor, path, names);
    const size_t padding = padding_to(offset, alignment);
    if (padding > 0) {
      add(fmt::format("__pad_{}", num_fillers++), DType::UInt8, {static_cast<int64_t>(padding)},
          padding);
    }
    layout.padding.push_back(padding);
    add(tensor.name, tensor.dtype, tensor.dims, tensor.bytes.size());
  }
  layout.header += "}";
  return layout;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata, size_t alignment) {
  constexpr size_t kMaxAlignment = 65536;
  check(alignment > 0 && alignment <= kMaxAlignment && (alignment & (alignment - 1)) == 0,
        ErrorCode::InvalidArgument, "safetensors '{}': alignment {} is no power of two up to {}",
        path.string(), alignment, kMaxAlignment);
  FileLayout layout = plan_layout(path, tensors, metadata, alignment);
  // Spaces after the JSON are part of the header; they are how the format aligns its data.
  layout.header.append(padding_to(sizeof(uint64_t) + layout.header.size(), alignment), ' ');
  check(layout.header.size() <= kMaxSafetensorsHeader, ErrorCode::InvalidArgument,
        "safetensors '{}': the header has {} bytes, at most {} are allowed", path.string(),
        layout.header.size(), kMaxSafetensorsHeader);

  AtomicFile file(path);
  const uint64_t header_length = layout.header.size();
  file.write(std::as_bytes(std::span(&header_length, 1)));
  file.write(layout.header);
  const std::vector<std::byte> zeros(alignment);
  for (size_t i = 0; i < tensors.size(); ++i) {
    file.write(std::span(zeros).first(layout.padding[i]));
    file.write(tensors[i].bytes);
  }
  file.commit();
}

}  // namespace vitro
