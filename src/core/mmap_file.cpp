#include "core/mmap_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/check.h"
#include "core/file_io.h"

namespace vitro {

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  return open(open_for_reading(path), path);
}

std::shared_ptr<const MappedFile> MappedFile::open(const FileDescriptor& file,
                                                   const std::filesystem::path& path) {
  const size_t size = regular_file_size(file, path);
  const std::byte* data = nullptr;
  if (size > 0) {
    void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (mapped == MAP_FAILED) fail_errno("map", path);
    data = static_cast<const std::byte*>(mapped);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path.string(), data, size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::drop_pages(std::span<const std::byte> range) const {
  if (range.empty()) return;
  check(range.data() >= data_ && range.data() + range.size() <= data_ + size_,
        ErrorCode::InvalidArgument, "'{}': the range to drop lies outside of the file", path_);
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(range.data()) + page - 1) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(range.data() + range.size()) / page * page;
  // Only advice: a failure changes no result.
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace vitro
