#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"

namespace vitro {

/// Longest JSON header that is read, the limit of the format's own library.
inline constexpr size_t kMaxSafetensorsHeader = 100'000'000;

/// Metadata "format" of the files in which entries named "__pad_*" are filler, dropped on reading.
inline constexpr std::string_view kPlanFormat = "vitro-plan";

/// Reads a safetensors file: 8 bytes header length, a JSON header, the data. Strict: the tensors
/// must cover the data exactly, without holes, overlaps or duplicate names; anything else throws
/// CorruptFile, and a dtype that Vitro lacks Unsupported. Tensors come in the order of their data
/// and are views into `bytes`. `name` is what errors call the file.
TensorFile parse_safetensors(std::span<const std::byte> bytes, std::string_view name);

/// As above, zero-copy over the map, which the result keeps alive.
TensorFile read_safetensors(std::shared_ptr<const MappedFile> file);

/// Writes `tensors` in the order given, atomically and without a second copy of their data; the
/// same input gives the same bytes. The data section and each tensor start at a multiple of
/// `alignment` (a power of two): the format forbids holes, so U8 tensors named "__pad_0",
/// "__pad_1", ... fill the gaps where there are any; pass 1 for a file without them. Throws
/// InvalidArgument for duplicate or reserved names, sizes that disagree, or text that is not UTF-8.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata, size_t alignment = 64);

}  // namespace vitro
