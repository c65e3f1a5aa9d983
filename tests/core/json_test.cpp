#include "core/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vitro {
namespace {

/// What is said of a text that `read` cannot use.
template <typename Read>
std::string problem(const char* text, const Read& read) {
  try {
    read(nlohmann::json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    return json_problem(error.what());
  }
  return "none";
}

// The library's own words ("[json.exception.type_error.302] ...") are not for users.
TEST(Json, ProblemsAreToldInOurWords) {
  const auto read = [](const nlohmann::json& json) { json.at("a").get<std::string>(); };
  EXPECT_EQ(problem("{\n  \"a\": tru", read), "not valid JSON at line 2, column 11");
  EXPECT_EQ(problem(R"({"a": 1e999})", read), "not valid JSON: a number is too large");
  EXPECT_EQ(problem("{}", read), "'a' is missing");
  EXPECT_EQ(problem(R"({"a": 3})", read), "a value is number, expected string");
  EXPECT_EQ(problem("[]", read), "a value is not of the kind that is expected there");
  EXPECT_EQ(problem("", read), "not valid JSON at line 1, column 1");
}

}  // namespace
}  // namespace vitro
