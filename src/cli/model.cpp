#include "cli/model.h"

#include "cli/output.h"
#include "core/check.h"
#include "core/log.h"
#include "measure/system_info.h"

namespace vitro::cli {

Plan open_model(const CommonOptions& options) {
  apply_log_options(options);
  Plan plan = load_or_build(options.model, options.build);
  for (const std::string& note : plan.info().notes) log_warning("{}", printable(note));
  return plan;
}

Dims input_dims(const Plan& plan, int64_t batch, std::optional<Size> size) {
  const Preprocessing& preprocessing = plan.info().preprocessing;
  return {batch, 3, size ? size->height : preprocessing.height,
          size ? size->width : preprocessing.width};
}

void check_memory(double needed, const Dims& dims) {
  const auto available = static_cast<double>(available_memory());
  if (available > 0 && needed > available)
    fail_hint(ErrorCode::OutOfMemory, "try a smaller batch or size",
              "input {} needs {} of memory, {} are available", to_string(dims), bytes_text(needed),
              bytes_text(available));
}

void prepare_checked(const Session& session, const Dims& dims, int streams) {
  session.prepare(dims);
  check_memory(4.0 * static_cast<double>(num_elements(dims)) +
                   static_cast<double>(session.arena_bytes(dims)) * streams,
               dims);
}

}  // namespace vitro::cli
