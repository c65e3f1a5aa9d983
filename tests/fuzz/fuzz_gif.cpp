#include "fuzz/fuzz_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vitro::decode_any("GIF89a", data, size);
  return 0;
}
