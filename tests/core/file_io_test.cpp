#include "core/file_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/byte_reader.h"
#include "core/mmap_file.h"
#include "core/temporary_directory.h"

namespace vitro {
namespace {

using test::expect_error;
using test::TemporaryDirectory;

std::string content(const std::filesystem::path& path) {
  const auto bytes = read_file(path, 1 << 20);
  return std::string(as_text(bytes));
}

TEST(ReadFile, GivesTheBytesAndHonoursTheLimit) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "a") << "hello";
  EXPECT_EQ(content(directory / "a"), "hello");
  EXPECT_EQ(read_file(directory / "a", 5).size(), 5u);
  expect_error(ErrorCode::OutOfMemory, "has 5 bytes, at most 4",
               [&] { read_file(directory / "a", 4); });
}

TEST(ReadFile, NamesWhatIsWrongWithThePath) {
  const TemporaryDirectory directory;
  expect_error(ErrorCode::NotFound, "missing", [&] { read_file(directory / "missing", 1); });
  std::ofstream(directory / "file") << "x";
  expect_error(ErrorCode::NotFound, "file/below", [&] { read_file(directory / "file/below", 1); });
  expect_error(ErrorCode::InvalidArgument, "is a directory",
               [&] { read_file(directory.path(), 1); });
  ASSERT_EQ(mkfifo((directory / "pipe").c_str(), 0600), 0);
  expect_error(ErrorCode::InvalidArgument, "is a pipe", [&] { read_file(directory / "pipe", 1); });
}

TEST(MappedFile, MapsTheWholeFile) {
  const TemporaryDirectory directory;
  const std::string text(100'000, 'v');
  std::ofstream(directory / "a") << text;
  const auto file = MappedFile::open(directory / "a");
  EXPECT_EQ(as_text(file->bytes()), text);
  EXPECT_EQ(file->path(), (directory / "a").string());
  file->drop_pages(file->bytes().subspan(1, 99'998));
  file->drop_pages(file->bytes().first(10));
  file->drop_pages({});
  EXPECT_EQ(as_text(file->bytes()), text);  // dropped pages come back
  const std::byte outside{};
  expect_error(ErrorCode::InvalidArgument, "outside",
               [&] { file->drop_pages(std::span(&outside, 1)); });
}

TEST(MappedFile, HandlesEmptyAndMissingFiles) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "empty");
  EXPECT_TRUE(MappedFile::open(directory / "empty")->bytes().empty());
  expect_error(ErrorCode::NotFound, "missing", [&] { MappedFile::open(directory / "missing"); });
  expect_error(ErrorCode::InvalidArgument, "is a directory",
               [&] { MappedFile::open(directory.path()); });
}

TEST(AtomicFile, CanBeMappedBeforeItAppears) {
  const TemporaryDirectory directory;
  AtomicFile file(directory / "a");
  file.write("hello");
  const auto mapped = file.map();
  EXPECT_TRUE(directory.entries().empty() || !std::filesystem::exists(directory / "a"));
  EXPECT_EQ(as_text(mapped->bytes()), "hello");
  file.commit();
  EXPECT_EQ(as_text(mapped->bytes()), content(directory / "a"));
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  const TemporaryDirectory directory;
  AtomicFile file(directory / "a");
  file.write("hel");
  EXPECT_FALSE(std::filesystem::exists(directory / "a"));
  file.write("lo");
  file.commit();
  EXPECT_EQ(content(directory / "a"), "hello");
  EXPECT_EQ(directory.entries(), std::vector<std::string>{"a"});
  expect_error(ErrorCode::Internal, "after its commit", [&] { file.write("x"); });
  expect_error(ErrorCode::Internal, "committed twice", [&] { file.commit(); });
}

TEST(AtomicFile, VanishesWithTheProcess) {
  const TemporaryDirectory directory;
  const int unnamed = ::open(directory.path().c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (unnamed < 0) GTEST_SKIP() << "this file system has no files without a name";
  ::close(unnamed);
  write_file_atomic(directory / "a", as_byte_span("old"));
  {
    AtomicFile file(directory / "a");
    file.write("new");
    EXPECT_EQ(directory.entries(), std::vector<std::string>{"a"}) << "a kill would leave this";
    file.commit();
  }
  EXPECT_EQ(content(directory / "a"), "new");
  EXPECT_EQ(directory.entries(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, LeavesTheOldFileAndNoLitterWithoutCommit) {
  const TemporaryDirectory directory;
  write_file_atomic(directory / "a", as_byte_span("old"));
  { AtomicFile(directory / "a").write("new"); }
  EXPECT_EQ(content(directory / "a"), "old");
  EXPECT_EQ(directory.entries(), std::vector<std::string>{"a"});
}

TEST(AtomicFile, ReplacesAFileThatIsMapped) {
  const TemporaryDirectory directory;
  write_file_atomic(directory / "a", as_byte_span("old"));
  const auto mapped = MappedFile::open(directory / "a");
  write_file_atomic(directory / "a", as_byte_span("new!"));
  EXPECT_EQ(as_text(mapped->bytes()), "old");
  EXPECT_EQ(content(directory / "a"), "new!");
}

TEST(AtomicFile, WritesThroughASymbolicLink) {
  const TemporaryDirectory directory;
  write_file_atomic(directory / "target", as_byte_span("old"));
  std::filesystem::create_symlink(directory / "target", directory / "link");
  write_file_atomic(directory / "link", as_byte_span("new"));
  EXPECT_TRUE(std::filesystem::is_symlink(directory / "link"));
  EXPECT_EQ(content(directory / "target"), "new");
}

TEST(AtomicFile, NamesThePathAndTheReasonOfAFailure) {
  const TemporaryDirectory directory;
  expect_error(ErrorCode::DeviceError, "none/a': there is no folder '",
               [&] { AtomicFile(directory / "none/a"); });
  expect_error(ErrorCode::DeviceError, "it is a directory, expected a file",
               [&] { AtomicFile(directory.path()); });
  expect_error(ErrorCode::DeviceError, "File name too long",
               [&] { AtomicFile(directory / std::string(300, 'n')); });
  EXPECT_TRUE(directory.entries().empty());
}

TEST(AtomicFile, KeepsDevicesAndReportsAFullDisk) {
  write_file_atomic("/dev/null", as_byte_span("x"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  expect_error(ErrorCode::DeviceError, "'/dev/full': No space left on device",
               [] { write_file_atomic("/dev/full", as_byte_span("x")); });
}

}  // namespace
}  // namespace vitro
