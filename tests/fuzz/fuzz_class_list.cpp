#include "core/byte_reader.h"
#include "fuzz/fuzz_target.h"
#include "image/class_list.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return vitro::fuzz::run(data, size, [](std::span<const std::byte> bytes) {
    const vitro::ClassNames names = vitro::parse_class_list(vitro::as_text(bytes), "fuzz");
    vitro::order_contradiction(names, names);
  });
}
