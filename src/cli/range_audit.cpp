#include "cli/range_audit.h"

#include <CLI/CLI.hpp>

#include "calibration/range_audit.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "core/log.h"

namespace vitro::cli {

void add_range_audit_options(CLI::App& verb, RangeAuditOptions& options) {
  CLI::Option* images =
      verb.add_option("--range-audit", options.images,
                      "Pictures (a folder, or a list) to look for values on that float16 cannot "
                      "hold: ops with larger ones keep float32 in sessions of float16");
  images->option_text("IMAGES")->group(kRangeAuditGroup);
  verb.add_option("--audit-images", options.max_images,
                  "At most N of them, evenly spread; default: 256")
      ->option_text("N")
      ->check(positive_integer())
      ->needs(images)
      ->group(kRangeAuditGroup);
}

std::optional<Plan> audited(const Plan& plan, const RangeAuditOptions& options, bool quiet) {
  if (options.images.empty()) return plan;
  const InterruptGuard guard;
  CalibrateOptions audit;
  audit.max_images = options.max_images;
  audit.stop = was_interrupted;
  Progress progress("range audit", "images", 0, quiet);
  audit.on_progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  audit.on_failure = [&](const std::string& message) {
    progress.clear();
    log_warning("{}", printable_line(message));
  };
  std::optional<Plan> result = with_float32_islands(plan, options.images, audit);
  progress.clear();
  if (!result)
    report_error("the range audit was interrupted; nothing was written",
                 "--audit-images N takes fewer pictures", kInterruptedCode);
  return result;
}

}  // namespace vitro::cli
