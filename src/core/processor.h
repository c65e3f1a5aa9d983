#pragma once

#include <string>

namespace vitro {

/// "Intel(R) Xeon(R) ..."; "unknown" when the system does not say.
std::string cpu_model();

}  // namespace vitro
