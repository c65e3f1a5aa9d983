#pragma once

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "vitro/vitro_c.h"

namespace vitro::capi {

/// Records the exception in flight as this thread's last error. Never throws.
vitro_code record_exception() noexcept;

/// Runs the body of a C function: no exception leaves it.
template <typename Body>
vitro_code guarded(Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return VITRO_OK;
  } catch (...) {
    return record_exception();
  }
}

/// What an argument points to; throws InvalidArgument for NULL.
template <typename T>
T& required(T* argument, const char* name) {
  check(argument != nullptr, ErrorCode::InvalidArgument, "{} is NULL", name);
  return *argument;
}
inline const char* required_text(const char* argument, const char* name) {
  return &required(argument, name);
}

/// A C function with a result, for which there must be a place before anything is made.
template <typename T, typename Make>
vitro_code guarded_result(T* place, const char* name, Make&& make) noexcept {
  return guarded([&] {
    T& result = required(place, name);
    result = std::forward<Make>(make)();
  });
}

/// The options of a caller whose struct may be older or newer than this library's: missing fields
/// get their defaults; throws Unsupported for a newer field that is set.
template <typename Options>
Options read_options(const Options* given, const char* name) {
  Options options{};
  if (given == nullptr) return options;
  constexpr size_t kMaxSize = 1024;
  check(given->size >= sizeof(size_t) && given->size <= kMaxSize, ErrorCode::InvalidArgument,
        "{}: a size of {}, expected {}", name, given->size, sizeof(Options));
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  for (size_t i = sizeof(Options); i < given->size; ++i)
    check(bytes[i] == 0, ErrorCode::Unsupported,
          "{}: a field at byte {} is set that this version of Vitro does not have", name, i);
  std::copy_n(bytes, std::min(given->size, sizeof(Options)),
              reinterpret_cast<unsigned char*>(&options));
  return options;
}

}  // namespace vitro::capi
