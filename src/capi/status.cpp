#include "capi/status.h"

#include <new>
#include <string>

#include "vitro/vitro.h"

namespace vitro::capi {
namespace {

struct LastError {
  std::string message, hint;
};
thread_local LastError last_error;

vitro_code record(vitro_code code, const char* message, const char* hint = "") noexcept {
  try {
    last_error.message = message;
    last_error.hint = hint;
  } catch (...) {  // no memory even for the text: the code has to do
    last_error.message.clear();
    last_error.hint.clear();
  }
  return code;
}

constexpr bool equal(vitro_code a, ErrorCode b) {
  return static_cast<int>(a) == static_cast<int>(b);
}
static_assert(equal(VITRO_INVALID_ARGUMENT, ErrorCode::InvalidArgument) &&
              equal(VITRO_UNSUPPORTED, ErrorCode::Unsupported) &&
              equal(VITRO_NOT_FOUND, ErrorCode::NotFound) &&
              equal(VITRO_CORRUPT_FILE, ErrorCode::CorruptFile) &&
              equal(VITRO_OUT_OF_MEMORY, ErrorCode::OutOfMemory) &&
              equal(VITRO_DEVICE_ERROR, ErrorCode::DeviceError) &&
              equal(VITRO_INTERNAL, ErrorCode::Internal));

}  // namespace

vitro_code record_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    return record(static_cast<vitro_code>(error.code()), error.what(), error.hint().c_str());
  } catch (const std::bad_alloc&) {
    return record(VITRO_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return record(VITRO_INTERNAL, error.what());
  } catch (...) {
    return record(VITRO_INTERNAL, "unknown exception");
  }
}

}  // namespace vitro::capi

extern "C" {

const char* vitro_last_error(void) { return vitro::capi::last_error.message.c_str(); }
const char* vitro_last_hint(void) { return vitro::capi::last_error.hint.c_str(); }
const char* vitro_version(void) { return vitro::version(); }

}  // extern "C"
