#pragma once

#include "cli/options.h"

namespace vitro::cli {

/// Which ops keep float32 in sessions of float16.
struct RangeAuditOptions {
  std::string images;  ///< empty: no audit
  int64_t max_images = 256;
};

void add_range_audit_options(CLI::App& verb, RangeAuditOptions& options);

/// The plan with the answer; nothing when the audit was interrupted, which has been reported.
std::optional<Plan> audited(const Plan& plan, const RangeAuditOptions& options, bool quiet);

}  // namespace vitro::cli
