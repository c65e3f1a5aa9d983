#pragma once

#include "backends/program.h"

namespace vitro {

/// Runs a program kernel by kernel on a HostLane, in the lane's workspace.
std::unique_ptr<Executable> make_host_executable(std::unique_ptr<const Program> program);

}  // namespace vitro
