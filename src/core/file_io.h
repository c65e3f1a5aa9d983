#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vitro {

class MappedFile;

/// Owns a POSIX file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int value = -1) : value_(value) {}
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return value_; }
  bool is_open() const { return value_ >= 0; }

 private:
  int value_;
};

/// Throws for the current errno: NotFound when a part of `path` does not exist, DeviceError else.
/// `action` completes "cannot ... 'path'".
[[noreturn]] void fail_errno(std::string_view action, const std::filesystem::path& path);

/// Opens for reading. Throws NotFound or DeviceError.
FileDescriptor open_for_reading(const std::filesystem::path& path);

/// Size in bytes. Throws InvalidArgument when it is a directory, a pipe or a device.
size_t regular_file_size(const FileDescriptor& file, const std::filesystem::path& path);

/// The whole content of a regular file. Throws OutOfMemory above `max_bytes`, else as above.
std::vector<std::byte> read_file(const std::filesystem::path& path, size_t max_bytes);

/// An output file that appears whole or not at all: bytes go to a file that has no name, so that it
/// vanishes with the process, or to one beside `path` where the file system has no such files.
/// commit() syncs it and puts it in the place of `path`. The destructor removes what was not
/// committed. A target that exists and is a device or a pipe (/dev/stdout, /dev/null) is written in
/// place. Every failure (full disk, missing or read-only directory) is a DeviceError with the path
/// and the reason.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// What was written so far, mapped; the file stays the same when it is committed.
  std::shared_ptr<const MappedFile> map() const;
  /// Makes the file appear. Call once, last.
  void commit();

 private:
  void open_beside();
  void name_it();

  std::filesystem::path path_;       // the final name, symbolic links resolved
  std::filesystem::path temporary_;  // its name before the commit; empty when it has none
  bool in_place_ = false;
  FileDescriptor file_;
};

/// AtomicFile in one call.
void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace vitro
