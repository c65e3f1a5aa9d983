#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <vector>

#include "vitro/error.h"

namespace vitro::test {

/// A reader under attack: it may succeed or throw an Error, anything else is a bug.
using Parse = std::function<void(std::span<const std::byte>)>;

/// Gives the bytes in a heap block of exactly their size, so that the address sanitizer sees every
/// read past the end.
inline bool parses(const Parse& parse, std::span<const std::byte> bytes) {
  const std::vector<std::byte> exact(bytes.begin(), bytes.end());
  try {
    parse(exact);
    return true;
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::Internal) << error.what();
    return false;
  }
}

/// Every proper prefix of a valid file must be refused.
inline void expect_all_truncations_fail(const Parse& parse, std::span<const std::byte> valid) {
  ASSERT_TRUE(parses(parse, valid));
  for (size_t size = 0; size < valid.size(); ++size) {
    ASSERT_FALSE(parses(parse, valid.first(size))) << "truncated to " << size << " bytes";
  }
}

/// Flips, overwrites, removes and doubles bytes at seeded random places.
inline void expect_mutations_are_harmless(const Parse& parse, std::span<const std::byte> valid,
                                          size_t num_mutations) {
  std::mt19937 random(20240229);
  for (size_t i = 0; i < num_mutations; ++i) {
    std::vector<std::byte> bytes(valid.begin(), valid.end());
    const size_t num_edits = 1 + random() % 4;
    for (size_t edit = 0; edit < num_edits && !bytes.empty(); ++edit) {
      const size_t position = random() % bytes.size();
      const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(position);
      switch (random() % 5) {
        case 0:
          bytes[position] ^= std::byte{1} << (random() % 8);
          break;
        case 1:
          bytes[position] = static_cast<std::byte>(random());
          break;
        case 2:
          bytes[position] = random() % 2 == 0 ? std::byte{0xff} : std::byte{0};
          break;
        case 3:
          bytes.erase(at);
          break;
        default:
          bytes.insert(at, bytes[random() % bytes.size()]);
          break;
      }
    }
    parses(parse, bytes);
  }
}

/// Noise of many sizes.
inline void expect_garbage_fails(const Parse& parse) {
  std::mt19937 random(7);
  for (size_t size = 0; size < 300; ++size) {
    std::vector<std::byte> bytes(size);
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(random()); });
    EXPECT_FALSE(parses(parse, bytes)) << size << " bytes of noise";
  }
}

}  // namespace vitro::test
