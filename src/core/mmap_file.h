#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace vitro {

class FileDescriptor;

/// A file mapped read-only; pages are shared with every process that maps it and are read on first
/// touch. Immutable after open, so safe to share between threads. Truncating the file while it is
/// mapped is undefined (the system raises SIGBUS): replace files by rename instead.
class MappedFile {
 public:
  /// Throws NotFound (no such file), InvalidArgument (a directory or a pipe) or DeviceError (not
  /// readable). An empty file gives an empty span.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  /// The same of a file that is open for reading; `path` is what errors call it.
  static std::shared_ptr<const MappedFile> open(const FileDescriptor& file,
                                                const std::filesystem::path& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// The whole file; valid as long as this object lives.
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

  /// Tells the system that the pages wholly inside `range` are not needed soon, which lowers the
  /// resident size. They are read again when touched. `range` must lie inside bytes().
  void drop_pages(std::span<const std::byte> range) const;

 private:
  MappedFile(std::string path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const std::byte* data_;
  size_t size_;
};

}  // namespace vitro
