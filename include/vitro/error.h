#pragma once

#include <stdexcept>
#include <string>

namespace vitro {

/// Why an operation failed; stable, so that callers may branch on it. 0 is success in the C API.
enum class ErrorCode {
  InvalidArgument = 1,  ///< the caller passed a value that can never work
  Unsupported,          ///< valid, but Vitro has no implementation for it
  NotFound,             ///< a file, class or tensor that does not exist
  CorruptFile,          ///< bytes that do not follow their format
  OutOfMemory,          ///< an allocation, or a limit that guards one
  DeviceError,          ///< the operating system or an accelerator refused
  Internal,             ///< a bug in Vitro: please report it
  DeadlineExceeded,     ///< a call could not begin in the time it was given
};

/// "InvalidArgument", "Unsupported", ...
const char* error_code_name(ErrorCode code);

/// What Vitro throws; beside it, std::bad_alloc passes when small allocations fail. `what()` names
/// the thing that failed, the values and what was expected; `hint()` says what to try next and may
/// be empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string hint = {})
      : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& hint() const noexcept { return hint_; }

 private:
  ErrorCode code_;
  std::string hint_;
};

}  // namespace vitro
