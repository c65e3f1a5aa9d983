#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "formats/tensor_file.h"
#include "vitro/error.h"

namespace vitro::fuzz {

/// Runs `parse` on the fuzzer's bytes. It may succeed or throw an Error; an Error that reports a
/// bug, any other exception or a sanitizer report is a finding.
template <typename Parse>
int run(const uint8_t* data, size_t size, Parse&& parse) {
  try {
    parse(std::as_bytes(std::span(data, size)));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Internal) std::abort();
  }
  return 0;
}

/// Reads every byte, so that a span outside of its memory is found.
inline void touch(const TensorFile& file) {
  volatile unsigned char sink = 0;
  for (const TensorEntry& tensor : file.tensors) {
    for (std::byte value : tensor.bytes) sink = static_cast<unsigned char>(value);
    if (tensor.bytes.size() !=
        static_cast<uint64_t>(num_elements(tensor.dims)) * dtype_size(tensor.dtype)) {
      std::abort();
    }
  }
  static_cast<void>(sink);
}

}  // namespace vitro::fuzz
