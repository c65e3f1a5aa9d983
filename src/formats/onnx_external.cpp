#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "core/check.h"
#include "core/file_io.h"
#include "formats/onnx_model.h"

// Elements in files beside the model. A model may come from anywhere: it must not read what lies
// outside of its folder.
namespace vitro::onnx {
namespace {

/// Tensors may share elements, but not make a large model of a small file.
constexpr uint64_t kMostReaders = 4;

uint64_t number_of(const Tensor& tensor, std::string_view key, uint64_t usual) {
  const auto entry = tensor.external.find(key);
  if (entry == tensor.external.end()) return usual;
  uint64_t value = 0;
  const std::string_view text = entry->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error == std::errc() && end == text.data() + text.size(), ErrorCode::CorruptFile,
        "tensor '{:.200}': {} of its external data is '{:.40}', expected a number from 0 up",
        tensor.name, key, text);
  return value;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

/// A location in errors.
std::string shown(std::string_view location) {
  std::string text(location.substr(0, 200));
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

/// Why a text is no relative path that stays in its folder; null when it is one.
const char* fault_of(std::string_view location) {
  const bool is_odd = std::any_of(location.begin(), location.end(),
                                  [](char c) { return is_control(c) || c == '\\' || c == ':'; });
  if (location.empty() || is_odd) return "which is no relative path";
  const std::filesystem::path relative(location);
  if (relative.is_absolute()) return "an absolute path";
  for (const auto& part : relative)
    if (part == ".." || part == "." || part.empty()) return "which leads out of its folder";
  return nullptr;
}

bool has_other_names(const FileDescriptor& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 1;
}

}  // namespace

TensorData::ExternalFile& TensorData::open(const Tensor& tensor, std::string_view location) {
  const auto refuse = [&](const char* why) {
    fail_hint(ErrorCode::InvalidArgument,
              "external data is a file in the folder of the model, or in folders within, no link",
              "tensor '{:.200}': its external data is at '{}', {}", tensor.name, shown(location),
              why);
  };
  if (const char* fault = fault_of(location)) refuse(fault);
  const auto known = files_.find(location);
  if (known != files_.end()) return known->second;
  const std::filesystem::path relative(location),
      folder = model_.has_parent_path() ? model_.parent_path() : std::filesystem::path(".");
  // Part by part, so that no link leads elsewhere, even one that was put there a moment ago. A pipe
  // must not hang.
  FileDescriptor opened = open_for_reading(folder);
  for (const auto& part : relative) {
    FileDescriptor next(
        ::openat(opened.get(), part.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (!next.is_open() && errno == ELOOP) refuse("a part of which is a link");
    if (!next.is_open()) fail_errno("open", folder / relative);
    opened = std::move(next);
  }
  // The other one may be that of a file elsewhere.
  if (has_other_names(opened)) refuse("a file that has another name too (a hard link)");
  ExternalFile file;
  file.mapped = MappedFile::open(opened, folder / relative);
  return files_.emplace(location, std::move(file)).first->second;
}

std::span<const std::byte> TensorData::external(const Tensor& tensor, size_t size) {
  const auto location = tensor.external.find("location");
  check(location != tensor.external.end(), ErrorCode::CorruptFile,
        "tensor '{:.200}': external data without a location", tensor.name);
  ExternalFile& file = open(tensor, location->second);
  const uint64_t offset = number_of(tensor, "offset", 0);
  const size_t available = file.mapped->bytes().size();
  const uint64_t length = number_of(tensor, "length", size);
  check(length == size, ErrorCode::CorruptFile,
        "tensor '{:.200}': {} bytes of external data, expected {} for {} {}", tensor.name, length,
        size, element_name(tensor.type), to_string(tensor.dims));
  check(offset <= available && size <= available - offset, ErrorCode::CorruptFile,
        "tensor '{:.200}': bytes {} to {} of '{}', which has {}", tensor.name, offset,
        offset + size, file.mapped->path(), available);
  if (file.readers.insert(&tensor).second) file.bytes_read += size;
  check(file.bytes_read / kMostReaders <= available, ErrorCode::CorruptFile,
        "tensor '{:.200}': with it, tensors take more than {} times the {} bytes of '{}'",
        tensor.name, kMostReaders, available, file.mapped->path());
  return file.mapped->bytes().subspan(static_cast<size_t>(offset), size);
}

}  // namespace vitro::onnx
