#include "fuzz/fuzz_image.h"

// Little-endian or big-endian, as the first byte of the input says.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bool big = size > 0 && data[0] == 'M';
  vitro::decode_any(std::string_view(big ? "MM\0*" : "II*\0", 4), data, size);
  return 0;
}
