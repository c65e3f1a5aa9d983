#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "vitro/tensor.h"

namespace vitro {

/// Reads a NumPy array file (versions 1 to 3, C order, little-endian) of floats, integers or
/// booleans. Throws NotFound, CorruptFile, or Unsupported for another dtype, byte order or Fortran
/// order.
Tensor read_npy(const std::filesystem::path& path);

/// As read_npy, from memory; `name` is what errors call the file.
Tensor parse_npy(std::span<const std::byte> bytes, std::string_view name);

/// Writes a tensor in memory of the host, version 1.0, atomically. Throws Unsupported for BFloat16
/// and 8-bit floats, which numpy does not have, and DeviceError.
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace vitro
