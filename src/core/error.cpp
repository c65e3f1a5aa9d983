#include "vitro/error.h"

#include "core/check.h"

namespace vitro {

void throw_error(ErrorCode code, std::string hint, fmt::string_view format, fmt::format_args args) {
  throw Error(code, fmt::vformat(format, args), std::move(hint));
}

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "InvalidArgument";
    case ErrorCode::Unsupported:
      return "Unsupported";
    case ErrorCode::NotFound:
      return "NotFound";
    case ErrorCode::CorruptFile:
      return "CorruptFile";
    case ErrorCode::OutOfMemory:
      return "OutOfMemory";
    case ErrorCode::DeviceError:
      return "DeviceError";
    case ErrorCode::Internal:
      return "Internal";
    case ErrorCode::DeadlineExceeded:
      return "DeadlineExceeded";
  }
  return "Unknown";
}

}  // namespace vitro
