#include "formats/zip.h"

#include <algorithm>

#include "core/byte_reader.h"
#include "core/check.h"

namespace vitro {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr size_t kEndSize = 22;
constexpr size_t kEnd64LocatorSize = 20;
constexpr size_t kCentralSize = 46;
constexpr uint16_t kZip64Extra = 1;
constexpr uint32_t kIn64 = 0xffffffffu;  // the value stands in the ZIP64 record
constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kSizesFollow = 8;  // the local header has zeros, a descriptor follows the data

struct Directory {
  uint64_t num_entries = 0;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct CentralEntry {
  std::string name;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint64_t compressed_size = 0;
  uint64_t size = 0;
  uint64_t local_offset = 0;
};

ByteReader reader_at(std::span<const std::byte> bytes, uint64_t offset, std::string_view name) {
  check(offset <= bytes.size(), ErrorCode::CorruptFile,
        "zip '{}': offset {} lies outside of its {} bytes", name, offset, bytes.size());
  return ByteReader(bytes.subspan(static_cast<size_t>(offset)), name);
}

/// The end record is the last thing in the file but for a comment of at most 64 KiB.
size_t find_end_record(std::span<const std::byte> bytes, std::string_view name) {
  const size_t furthest = std::min<size_t>(bytes.size(), kEndSize + 0xffff);
  for (size_t distance = kEndSize; distance <= furthest; ++distance) {
    ByteReader reader(bytes.last(distance), name);
    if (reader.read<uint32_t>() != kEndSignature) continue;
    reader.take(16);
    if (reader.read<uint16_t>() == reader.remaining()) return bytes.size() - distance;
  }
  fail(ErrorCode::CorruptFile,
       "zip '{}' has no end record: the file is truncated or not a ZIP archive", name);
}

void read_end64(std::span<const std::byte> bytes, size_t end, std::string_view name,
                Directory& directory) {
  check(end >= kEnd64LocatorSize, ErrorCode::CorruptFile, "zip '{}' has no ZIP64 locator", name);
  ByteReader locator = reader_at(bytes, end - kEnd64LocatorSize, name);
  check(locator.read<uint32_t>() == kEnd64LocatorSignature, ErrorCode::CorruptFile,
        "zip '{}' has no ZIP64 locator", name);
  locator.take(4);  // disk
  ByteReader reader = reader_at(bytes, locator.read<uint64_t>(), name);
  check(reader.read<uint32_t>() == kEnd64Signature, ErrorCode::CorruptFile,
        "zip '{}' has no ZIP64 end record where its locator points", name);
  reader.take(28);  // record size, versions, disks, entries on this disk
  directory.num_entries = reader.read<uint64_t>();
  directory.size = reader.read<uint64_t>();
  directory.offset = reader.read<uint64_t>();
}

Directory read_directory(std::span<const std::byte> bytes, std::string_view name) {
  const size_t end = find_end_record(bytes, name);
  ByteReader reader = reader_at(bytes, end + 4, name);
  const auto disk = reader.read<uint16_t>();
  const auto directory_disk = reader.read<uint16_t>();
  reader.take(2);  // entries on this disk
  Directory directory;
  directory.num_entries = reader.read<uint16_t>();
  directory.size = reader.read<uint32_t>();
  directory.offset = reader.read<uint32_t>();
  if (directory.num_entries == 0xffff || directory.size == kIn64 || directory.offset == kIn64) {
    read_end64(bytes, end, name, directory);
  } else {
    check(disk == 0 && directory_disk == 0, ErrorCode::Unsupported,
          "zip '{}' is one part of a multi-disk archive", name);
  }
  check(directory.offset <= end && directory.size <= end - directory.offset, ErrorCode::CorruptFile,
        "zip '{}': directory of {} bytes at {} lies outside of the file", name, directory.size,
        directory.offset);
  check(directory.num_entries <= directory.size / kCentralSize, ErrorCode::CorruptFile,
        "zip '{}': {} entries do not fit into a directory of {} bytes", name, directory.num_entries,
        directory.size);
  return directory;
}

/// Replaces the fields that are saturated in the 32-bit record by those of the ZIP64 extra field.
void apply_zip64_extra(std::span<const std::byte> extra, std::string_view name,
                       CentralEntry& entry) {
  ByteReader reader(extra, name);
  while (reader.remaining() >= 4) {
    const auto id = reader.read<uint16_t>();
    ByteReader field(reader.take(reader.read<uint16_t>()), name);
    if (id != kZip64Extra) continue;
    if (entry.size == kIn64) entry.size = field.read<uint64_t>();
    if (entry.compressed_size == kIn64) entry.compressed_size = field.read<uint64_t>();
    if (entry.local_offset == kIn64) entry.local_offset = field.read<uint64_t>();
    return;
  }
}

CentralEntry read_central_entry(ByteReader& reader) {
  const std::string_view name = reader.name();
  check(reader.read<uint32_t>() == kCentralSignature, ErrorCode::CorruptFile,
        "zip '{}': no directory entry where one is expected", name);
  reader.take(4);  // versions
  CentralEntry entry;
  entry.flags = reader.read<uint16_t>();
  entry.method = reader.read<uint16_t>();
  reader.take(8);  // time, date, CRC
  entry.compressed_size = reader.read<uint32_t>();
  entry.size = reader.read<uint32_t>();
  const auto name_length = reader.read<uint16_t>();
  const auto extra_length = reader.read<uint16_t>();
  const auto comment_length = reader.read<uint16_t>();
  reader.take(8);  // disk, attributes
  entry.local_offset = reader.read<uint32_t>();
  entry.name = as_text(reader.take(name_length));
  apply_zip64_extra(reader.take(extra_length), name, entry);
  reader.take(comment_length);
  return entry;
}

/// The entry's data, after checking that its local header says the same as the directory.
std::span<const std::byte> locate_data(std::span<const std::byte> bytes, const CentralEntry& entry,
                                       std::string_view name) {
  check((entry.flags & kEncrypted) == 0, ErrorCode::Unsupported,
        "zip '{}': entry '{}' is encrypted", name, entry.name);
  if (entry.method != 0)
    fail_hint(ErrorCode::Unsupported,
              "in Python: torch.save(torch.load(path), new_path); or unpack it and zip it with -0",
              "zip '{}': entry '{}' is compressed (method {}), only stored entries can be mapped",
              name, entry.name, entry.method);
  ByteReader reader = reader_at(bytes, entry.local_offset, name);
  check(reader.read<uint32_t>() == kLocalSignature, ErrorCode::CorruptFile,
        "zip '{}': entry '{}' has no local header at {}", name, entry.name, entry.local_offset);
  reader.take(2);  // version
  const auto flags = reader.read<uint16_t>();
  const auto method = reader.read<uint16_t>();
  reader.take(8);  // time, date, CRC
  const auto compressed_size = reader.read<uint32_t>();
  const auto size = reader.read<uint32_t>();
  const auto name_length = reader.read<uint16_t>();
  const auto extra_length = reader.read<uint16_t>();
  const bool has_name = as_text(reader.take(name_length)) == entry.name;
  reader.take(extra_length);
  const bool sizes_agree = (flags & kSizesFollow) != 0 || size == kIn64 ||
                           (size == entry.size && compressed_size == entry.compressed_size);
  check(has_name && method == 0 && sizes_agree && entry.size == entry.compressed_size,
        ErrorCode::CorruptFile, "zip '{}': entry '{}' does not agree with its local header", name,
        entry.name);
  return reader.take(entry.size);
}

std::vector<CentralEntry> read_entries(std::span<const std::byte> bytes, std::string_view name) {
  const Directory directory = read_directory(bytes, name);
  ByteReader reader(
      bytes.subspan(static_cast<size_t>(directory.offset), static_cast<size_t>(directory.size)),
      name);
  std::vector<CentralEntry> entries;
  for (uint64_t i = 0; i < directory.num_entries; ++i)
    entries.push_back(read_central_entry(reader));
  return entries;
}

}  // namespace

const std::span<const std::byte>* ZipArchive::find(std::string_view name) const {
  const auto found = entries.find(name);
  return found == entries.end() ? nullptr : &found->second;
}

bool is_zip(std::span<const std::byte> bytes) {
  return as_text(bytes).starts_with("PK\x03\x04") || as_text(bytes).starts_with("PK\x05\x06");
}

std::vector<std::string> zip_names(std::span<const std::byte> bytes, std::string_view name) {
  std::vector<std::string> names;
  for (CentralEntry& entry : read_entries(bytes, name)) names.push_back(std::move(entry.name));
  return names;
}

ZipArchive parse_zip(std::span<const std::byte> bytes, std::string_view name) {
  ZipArchive archive;
  for (const CentralEntry& entry : read_entries(bytes, name)) {
    const auto data = locate_data(bytes, entry, name);
    check(archive.entries.emplace(entry.name, data).second, ErrorCode::CorruptFile,
          "zip '{}': entry '{}' appears twice", name, entry.name);
  }
  return archive;
}

}  // namespace vitro
