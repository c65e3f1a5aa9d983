#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class Validator;
}

// What the options of all verbs accept; what is refused is told in our own words.
namespace vitro::cli {

/// Decimal digits with or without a sign, and nothing else.
std::optional<int64_t> parse_integer(std::string_view text);

/// Accepts the names of a list.
CLI::Validator one_of(const std::vector<std::string>& names);
/// Accepts integers from `minimum` to `maximum`.
CLI::Validator integer_between(int64_t minimum, int64_t maximum);
/// For what only memory bounds: batches, iterations, limits.
CLI::Validator positive_integer();
/// Accepts finite numbers from `minimum` to `maximum`.
CLI::Validator number_between(double minimum, double maximum);
/// Accepts a number from 0 to 100, also with "%" behind it. A number below 1 without is doubted: it
/// looks like a fraction.
CLI::Validator percentage();

/// Takes bytes, with or without a unit such as MB or GiB, and makes them a number.
CLI::Validator byte_count();

}  // namespace vitro::cli
