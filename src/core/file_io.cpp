#include "core/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>

#include "core/byte_reader.h"
#include "core/check.h"
#include "core/mmap_file.h"

namespace vitro {
namespace {

std::string errno_text(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail_write(std::string_view action, const std::filesystem::path& path,
                             int error) {
  fail(ErrorCode::DeviceError, "cannot {} '{}': {}", action, path.string(), errno_text(error));
}

/// Where linkat() finds a file without a name.
std::string descriptor_path(const FileDescriptor& file) {
  return fmt::format("/proc/self/fd/{}", file.get());
}

/// A file in the directory of `path` that has no name yet; closed where that cannot be.
FileDescriptor open_unnamed(const std::filesystem::path& path) {
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  FileDescriptor file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
  // A container may lack /proc.
  if (file.is_open() && ::access(descriptor_path(file).c_str(), F_OK) != 0) return FileDescriptor();
  return file;
}

/// Calls attempt(name), which says whether it may be tried again, with new names beside `path`.
template <typename Attempt>
void try_names(const std::filesystem::path& path, Attempt&& attempt) {
  std::random_device random;
  constexpr int kAttempts = 16;
  for (int i = 0; i < kAttempts; ++i) {
    std::filesystem::path name = path;
    name += fmt::format(".{:08x}.part", random());
    if (!attempt(name)) return;
  }
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (value_ >= 0) ::close(value_);
}

void fail_errno(std::string_view action, const std::filesystem::path& path) {
  const int error = errno;
  const bool missing = error == ENOENT || error == ENOTDIR;
  fail(missing ? ErrorCode::NotFound : ErrorCode::DeviceError, "cannot {} '{}': {}", action,
       path.string(), errno_text(error));
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe that has no writer must fail in the size check, not hang here.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) fail_errno("open", path);
  return file;
}

size_t regular_file_size(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_errno("read the size of", path);
  check(!S_ISDIR(status.st_mode), ErrorCode::InvalidArgument,
        "'{}' is a directory, expected a file", path.string());
  check(S_ISREG(status.st_mode), ErrorCode::InvalidArgument,
        "'{}' is a pipe or a device, expected a regular file", path.string());
  return static_cast<size_t>(status.st_size);
}

std::vector<std::byte> read_file(const std::filesystem::path& path, size_t max_bytes) {
  const FileDescriptor file = open_for_reading(path);
  const size_t size = regular_file_size(file, path);
  check(size <= max_bytes, ErrorCode::OutOfMemory, "'{}' has {} bytes, at most {} are read",
        path.string(), size, max_bytes);
  std::vector<std::byte> content(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(file.get(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno("read", path);
    check(got > 0, ErrorCode::DeviceError, "'{}' shrank while it was read: {} of {} bytes",
          path.string(), done, size);
    done += static_cast<size_t>(got);
  }
  return content;
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path) {
  std::error_code ignored;
  if (std::filesystem::is_symlink(path, ignored)) {
    // Renaming over a link would replace the link and leave its target as it was.
    const auto resolved = std::filesystem::canonical(path, ignored);
    if (!resolved.empty()) path_ = resolved;
  }
  std::error_code error;
  const auto status = std::filesystem::status(path_, error);
  if (error == std::errc::filename_too_long) fail_write("create", path_, error.value());
  if (std::filesystem::is_directory(status))
    fail_hint(ErrorCode::DeviceError,
              fmt::format("name a file in it: {}", (path_ / "NAME").string()),
              "cannot write '{}': it is a directory, expected a file", path_.string());
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    in_place_ = true;
    file_ = FileDescriptor(::open(path_.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file_.is_open()) fail_write("write", path_, errno);
  } else {
    file_ = open_unnamed(path_);
    if (!file_.is_open()) open_beside();
  }
}

void AtomicFile::open_beside() {
  try_names(path_, [&](const std::filesystem::path& name) {
    file_ = FileDescriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file_.is_open()) temporary_ = name;
    return !file_.is_open() && errno == EEXIST;
  });
  if (file_.is_open()) return;
  if (errno == ENOENT)
    fail_hint(ErrorCode::DeviceError, "make its folder first",
              "cannot create '{}': there is no folder '{}'", path_.string(),
              path_.has_parent_path() ? path_.parent_path().string() : ".");
  fail_write("create", path_, errno);
}

/// Gives a file without a name the final one, or a temporary one when that is taken: a link cannot
/// replace a file.
void AtomicFile::name_it() {
  const std::string unnamed = descriptor_path(file_);
  const auto link_to = [&](const std::filesystem::path& name) {
    return ::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (link_to(path_)) return;
  if (errno == EEXIST)
    try_names(path_, [&](const std::filesystem::path& name) {
      if (link_to(name)) temporary_ = name;
      return temporary_.empty() && errno == EEXIST;
    });
  if (temporary_.empty()) fail_write("write", path_, errno);
}

AtomicFile::~AtomicFile() {
  if (file_.is_open() && !temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  check(file_.is_open(), ErrorCode::Internal, "'{}' is written after its commit", path_.string());
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_write("write", path_, errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void AtomicFile::write(std::string_view text) { write(as_byte_span(text)); }

std::shared_ptr<const MappedFile> AtomicFile::map() const { return MappedFile::open(file_, path_); }

void AtomicFile::commit() {
  check(file_.is_open(), ErrorCode::Internal, "'{}' is committed twice", path_.string());
  if (!in_place_) {
    if (::fsync(file_.get()) != 0) fail_write("write", path_, errno);
    if (temporary_.empty()) name_it();
    if (!temporary_.empty() && ::rename(temporary_.c_str(), path_.c_str()) != 0)
      fail_write("write", path_, errno);
  }
  file_ = FileDescriptor();
}

void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace vitro
