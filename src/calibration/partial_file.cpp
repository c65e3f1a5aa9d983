#include "calibration/partial_file.h"

#include "core/check.h"
#include "core/checksum.h"
#include "core/file_io.h"

namespace vitro {
namespace {

// A line that says what it is, one with the checksum of all behind it, one for each part of the
// identity, then the state.
constexpr std::string_view kFirstLine = "vitro-partial-calibration 1";
constexpr size_t kMostBytes = size_t{1} << 30;

}  // namespace

std::string difference(const PassIdentity& file, const PassIdentity& now) {
  if (file.model != now.model) return "it is of another model, or of other options of the build";
  if (file.images != now.images) return "it is of other pictures";
  if (file.settings != now.settings)
    return fmt::format("it was made with {}, now it is {}", file.settings, now.settings);
  return {};
}

std::optional<PartialFile> PartialFile::load(const std::filesystem::path& path) {
  if (std::error_code ignored; !std::filesystem::exists(path, ignored)) return std::nullopt;
  PartialFile file;
  file.name_ = path.string();
  file.bytes_ = read_file(path, kMostBytes);
  ByteReader reader(file.bytes_, file.name_);
  const std::string_view first =
      as_text(reader.take(std::min(kFirstLine.size() + 1, reader.remaining())));
  check(first == std::string(kFirstLine) + "\n", ErrorCode::CorruptFile,
        "'{}': its first line is not '{}'", file.name_, kFirstLine);
  const std::string_view sum = reader.take_line();
  check(sum == checksum(std::span(file.bytes_).subspan(reader.offset())), ErrorCode::CorruptFile,
        "'{}': its checksum is not that of its content", file.name_);
  for (std::string* part :
       {&file.identity_.model, &file.identity_.images, &file.identity_.settings})
    *part = reader.take_line();
  file.begin_ = reader.offset();
  return file;
}

void PartialFile::save(const std::filesystem::path& path, const PassIdentity& identity,
                       std::span<const std::byte> state) {
  const std::string head =
      fmt::format("{}\n{}\n{}\n", identity.model, identity.images, identity.settings);
  Checksum sum;
  sum.update(as_byte_span(head));
  sum.update(state);
  AtomicFile file(path);
  file.write(fmt::format("{}\n{}\n{}", kFirstLine, sum.digits(), head));
  file.write(state);
  file.commit();
}

ByteReader PartialFile::state() const { return {std::span(bytes_).subspan(begin_), name_}; }

}  // namespace vitro
