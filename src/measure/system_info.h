#pragma once

#include <cstdint>
#include <string>

#include "core/processor.h"

namespace vitro {

/// Bytes of physical memory; 0 when the system does not say.
int64_t total_memory();
/// Bytes that can be used without swapping and within the memory limits of the control groups (of a
/// container, say) that this process is in; 0 when the system does not say.
int64_t available_memory();

/// Compiler and version this program was built with.
std::string compiler();

}  // namespace vitro
