#include "vitro/error.h"

namespace vitro {

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
