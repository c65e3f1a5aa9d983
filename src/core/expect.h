#pragma once

#include "core/check.h"

namespace vitro {

/// check() of what a file holds, with the name of what is read before each message. Throws
/// CorruptFile.
///
///     constexpr Expect expect{"tactics"};
///     expect(json.is_array(), "{} where a list belongs", json.type_name());
struct Expect {
  const char* what;

  template <typename... Args>
  void operator()(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    check(condition, ErrorCode::CorruptFile, "{}: {}", what,
          fmt::format(format, std::forward<Args>(args)...));
  }
};

}  // namespace vitro
