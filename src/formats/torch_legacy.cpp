#include "formats/torch_legacy.h"

#include <string>

#include "core/byte_reader.h"
#include "core/check.h"

namespace vitro {
namespace {

using Kind = PickleValue::Kind;

constexpr int64_t kVersion = 1001;

/// The bytes of an element of each storage, which the pickle says where it refers to them.
std::map<std::string, size_t> element_sizes(const PickleTree& tree, std::string_view name) {
  std::map<std::string, size_t> sizes;
  for (const PickleValue& node : tree.nodes) {
    if (!node.is(Kind::Persistent) || !node.items[0]->is(Kind::Tuple)) continue;
    const auto& id = node.items[0]->items;  // ("storage", class, key, ...)
    if (id.size() < 5 || id[0]->text != "storage" || !id[2]->is(Kind::String)) continue;
    sizes.try_emplace(id[2]->text,
                      storage_element_size(*id[1], name, fmt::format("storage {}", id[2]->text)));
  }
  return sizes;
}

void check_header(ByteReader& reader) {
  parse_pickle(reader);  // the magic number
  const PickleTree version = parse_pickle(reader);
  check(version.root->is(Kind::Int) && version.root->integer == kVersion, ErrorCode::Unsupported,
        "'{}': a PyTorch file of the version {}, expected {}", reader.name(), version.root->integer,
        kVersion);
  const PickleTree machine = parse_pickle(reader);
  const PickleValue* little = machine.root->find("little_endian");
  check(little == nullptr || little->integer != 0, ErrorCode::Unsupported,
        "'{}' was written on a big-endian machine", reader.name());
}

}  // namespace

bool is_legacy_torch_file(std::span<const std::byte> bytes) {
  // The integer 0x1950a86a20f9469cfc6c behind the two bytes that name the pickle's protocol.
  constexpr std::string_view kMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  const std::string_view text = as_text(bytes);
  return text.size() > 2 && text.substr(2).starts_with(kMagic);
}

LegacyTorchFile parse_legacy_torch_file(std::span<const std::byte> bytes, std::string_view name) {
  ByteReader reader(bytes, name);
  check_header(reader);
  LegacyTorchFile file;
  file.tree = parse_pickle(reader);
  const PickleTree keys = parse_pickle(reader);
  check(keys.root->is(Kind::List), ErrorCode::CorruptFile, "'{}' has no list of storages", name);
  const auto sizes = element_sizes(file.tree, name);
  for (const PickleValue* key : keys.root->items) {
    const auto size = key->is(Kind::String) ? sizes.find(key->text) : sizes.end();
    check(size != sizes.end(), ErrorCode::CorruptFile,
          "'{}' has a storage that nothing refers to: '{:.80}'", name, key->text);
    const auto count = reader.read<uint64_t>();
    check(count <= reader.remaining() / size->second, ErrorCode::CorruptFile,
          "'{}' is truncated: storage {} has {} elements, {} bytes are left", name, key->text,
          count, reader.remaining());
    check(file.storages.emplace(key->text, reader.take(count * size->second)).second,
          ErrorCode::CorruptFile, "'{}': storage '{:.80}' appears twice", name, key->text);
  }
  return file;
}

}  // namespace vitro
