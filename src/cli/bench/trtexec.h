#pragma once

#include <string>

#include "cli/bench/row.h"

namespace vitro::cli {

/// The "Performance summary" of NVIDIA's trtexec, line by line as its log has it. A CPU has no
/// transfers, and a call returns when its result is there: H2D and D2H are 0, Enqueue and GPU
/// Compute are the whole run.
std::string trtexec_summary(const BenchRow& row);

/// The JSON of trtexec's --exportTimes, with the same meaning.
std::string trtexec_times(const std::vector<RunSpan>& runs);

}  // namespace vitro::cli
