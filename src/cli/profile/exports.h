#pragma once

#include "cli/profile/report.h"

namespace vitro::cli {

/// The profile that trtexec writes with --exportProfile: a list, first {"count": runs}, then one
/// object for each section.
Json trtexec_profile(const ProfileReport& report);

/// The median run as trace events for Perfetto or chrome://tracing: one track for each thread.
Json chrome_trace(const ProfileReport& report);

/// A page of its own, without references to anything outside.
std::string html_report(const ProfileReport& report);

}  // namespace vitro::cli
