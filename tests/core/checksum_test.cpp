#include "core/checksum.h"

#include <gtest/gtest.h>

#include "core/byte_reader.h"

namespace vitro {
namespace {

TEST(Checksum, IsXxh3InHexadecimal) {
  EXPECT_EQ(checksum(std::span<const std::byte>{}), "2d06800538d394c2");
  EXPECT_EQ(checksum(as_byte_span("abc")), "78af5f94892f3950");
}

TEST(Checksum, OfAFileIsThatOfItsBytes) {
  const auto file = MappedFile::open(std::filesystem::path(VITRO_SOURCE_DIR) /
                                     "models/uniformer_small_tiny200.safetensors");
  EXPECT_EQ(checksum(*file), checksum(file->bytes()));
}

TEST(Checksum, DoesNotDependOnThePieces) {
  Checksum sum;
  for (const std::string_view piece : {"a", "", "bc"}) sum.update(as_byte_span(piece));
  EXPECT_EQ(sum.digits(), checksum(as_byte_span("abc")));
}

}  // namespace
}  // namespace vitro
