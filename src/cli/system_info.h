#pragma once

#include <cstdint>
#include <string>

namespace vitro::cli {

/// "Intel(R) Xeon(R) ..."; "unknown" when the system does not say.
std::string cpu_model();

/// Bytes of physical memory; 0 when the system does not say.
int64_t total_memory();
/// Bytes that can be used without swapping; 0 when the system does not say.
int64_t available_memory();

/// Compiler and version this program was built with.
std::string compiler();

}  // namespace vitro::cli
