#include "formats/zip.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/byte_reader.h"
#include "core/temporary_directory.h"
#include "formats/hostile.h"

namespace vitro {
namespace {

using test::expect_error;

/// What a test changes about the archive it makes.
struct ZipOptions {
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t local_size_error = 0;
  uint32_t local_offset_error = 0;
  uint16_t num_entries_error = 0;
  std::string local_name_suffix;
  std::string comment;
  bool zip64 = false;
};

template <typename T>
void put(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void put_local(std::string& out, const std::string& name, const std::string& data,
               const ZipOptions& options) {
  put<uint32_t>(out, 0x04034b50);
  put<uint16_t>(out, 20);
  put<uint16_t>(out, options.flags);
  put<uint16_t>(out, options.method);
  put<uint64_t>(out, 0);  // time, date, CRC
  const auto size = static_cast<uint32_t>(data.size()) + options.local_size_error;
  put<uint32_t>(out, size);
  put<uint32_t>(out, size);
  const std::string local_name = name + options.local_name_suffix;
  put<uint16_t>(out, static_cast<uint16_t>(local_name.size()));
  put<uint16_t>(out, 0);
  out += local_name + data;
}

void put_central(std::string& out, const std::string& name, const std::string& data, size_t offset,
                 const ZipOptions& options) {
  put<uint32_t>(out, 0x02014b50);
  put<uint32_t>(out, 0);
  put<uint16_t>(out, options.flags);
  put<uint16_t>(out, options.method);
  put<uint64_t>(out, 0);
  const auto size = options.zip64 ? 0xffffffffu : static_cast<uint32_t>(data.size());
  put<uint32_t>(out, size);
  put<uint32_t>(out, size);
  put<uint16_t>(out, static_cast<uint16_t>(name.size()));
  put<uint16_t>(out, options.zip64 ? 28 : 0);
  put<uint16_t>(out, 0);
  put<uint64_t>(out, 0);
  put<uint32_t>(out, options.zip64 ? 0xffffffffu
                                   : static_cast<uint32_t>(offset) + options.local_offset_error);
  out += name;
  if (options.zip64) {
    put<uint16_t>(out, 1);
    put<uint16_t>(out, 24);
    put<uint64_t>(out, data.size());
    put<uint64_t>(out, data.size());
    put<uint64_t>(out, offset + options.local_offset_error);
  }
}

void put_end(std::string& out, size_t num_entries, size_t offset, const ZipOptions& options) {
  const size_t size = out.size() - offset;
  if (options.zip64) {
    const size_t end64 = out.size();
    put<uint32_t>(out, 0x06064b50);
    out.append(20, '\0');
    put<uint64_t>(out, num_entries);
    put<uint64_t>(out, num_entries + options.num_entries_error);
    put<uint64_t>(out, size);
    put<uint64_t>(out, offset);
    put<uint32_t>(out, 0x07064b50);
    put<uint32_t>(out, 0);
    put<uint64_t>(out, end64);
    put<uint32_t>(out, 1);
  }
  put<uint32_t>(out, 0x06054b50);
  put<uint32_t>(out, 0);
  put<uint16_t>(out, 0);
  put<uint16_t>(
      out, static_cast<uint16_t>(options.zip64 ? 0xffff : num_entries + options.num_entries_error));
  put<uint32_t>(out, options.zip64 ? 0xffffffffu : static_cast<uint32_t>(size));
  put<uint32_t>(out, options.zip64 ? 0xffffffffu : static_cast<uint32_t>(offset));
  put<uint16_t>(out, static_cast<uint16_t>(options.comment.size()));
  out += options.comment;
}

using Entries = std::vector<std::pair<std::string, std::string>>;

std::string make_zip(const Entries& entries, const ZipOptions& options = {}) {
  std::string out;
  std::vector<size_t> offsets;
  for (const auto& [name, data] : entries) {
    offsets.push_back(out.size());
    put_local(out, name, data, options);
  }
  const size_t directory = out.size();
  for (size_t i = 0; i < entries.size(); ++i) {
    put_central(out, entries[i].first, entries[i].second, offsets[i], options);
  }
  put_end(out, entries.size(), directory, options);
  return out;
}

const Entries kEntries = {{"a/first", "hello"}, {"a/second", ""}};

void expect_refused(ErrorCode code, const std::string& text, const std::string& zip) {
  expect_error(code, text, [&] { parse_zip(as_byte_span(zip), "x.zip"); });
}

TEST(Zip, FindsStoredEntries) {
  ZipOptions with_comment;
  with_comment.comment = "PK\x05\x06 a comment that looks like an end record";
  ZipOptions zip64;
  zip64.zip64 = true;
  for (const ZipOptions& options : {ZipOptions{}, with_comment, zip64}) {
    const std::string zip = make_zip(kEntries, options);
    EXPECT_TRUE(is_zip(as_byte_span(zip)));
    const ZipArchive archive = parse_zip(as_byte_span(zip), "x");
    ASSERT_EQ(archive.entries.size(), 2u);
    EXPECT_EQ(as_text(*archive.find("a/first")), "hello");
    EXPECT_TRUE(archive.find("a/second")->empty());
    EXPECT_EQ(archive.find("a/third"), nullptr);
  }
  EXPECT_TRUE(parse_zip(as_byte_span(make_zip({})), "x").entries.empty());
}

TEST(Zip, RefusesWhatCannotBeMapped) {
  ZipOptions options;
  options.method = 8;
  expect_refused(ErrorCode::Unsupported, "entry 'a/first' is compressed (method 8)",
                 make_zip(kEntries, options));
  options = {};
  options.flags = 1;
  expect_refused(ErrorCode::Unsupported, "'a/first' is encrypted", make_zip(kEntries, options));
}

TEST(Zip, RefusesContradictions) {
  const auto code = ErrorCode::CorruptFile;
  expect_refused(code, "'a' appears twice", make_zip({{"a", "1"}, {"a", "2"}}));
  ZipOptions options;
  options.local_size_error = 1;
  expect_refused(code, "does not agree with its local header", make_zip(kEntries, options));
  options = {};
  options.local_name_suffix = "x";
  expect_refused(code, "does not agree with its local header", make_zip(kEntries, options));
  options = {};
  options.num_entries_error = 1;
  expect_refused(code, "do not fit into a directory", make_zip(kEntries, options));
  for (bool zip64 : {false, true}) {
    options = {};
    options.zip64 = zip64;
    options.local_offset_error = 1u << 30;
    expect_refused(code, "lies outside", make_zip(kEntries, options));
    options.local_offset_error = 1;
    expect_refused(code, "no local header at 1", make_zip(kEntries, options));
  }
  expect_refused(code, "no end record", "PK\x03\x04 and nothing else in this file at all");
  expect_refused(code, "no end record", "");
}

TEST(Zip, SurvivesHostileBytes) {
  const test::Parse parse = [](std::span<const std::byte> bytes) { parse_zip(bytes, "x"); };
  ZipOptions zip64;
  zip64.zip64 = true;
  for (const ZipOptions& options : {ZipOptions{}, zip64}) {
    const std::string zip = make_zip(kEntries, options);
    test::expect_all_truncations_fail(parse, as_byte_span(zip));
    test::expect_mutations_are_harmless(parse, as_byte_span(zip), 5000);
  }
  test::expect_garbage_fails(parse);
}

}  // namespace
}  // namespace vitro
