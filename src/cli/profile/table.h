#pragma once

#include "cli/profile/report.h"

namespace vitro::cli {

/// Profiles a session on made up inputs of these extents; 0 iterations: as many as ten seconds
/// allow.
ProfileReport measured_profile(const std::string& model, const Session& session,
                               const std::vector<Dims>& dims, int64_t iterations, bool quiet);

/// A line for each group, the `top` slowest (0: all), and what is lost to waiting and layout.
std::string profile_table(const ProfileReport& report, ProfileGroup group, int64_t top);

}  // namespace vitro::cli
