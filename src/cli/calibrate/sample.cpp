#include <nlohmann/json.hpp>

#include "cli/calibrate/report.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "core/byte_reader.h"
#include "core/check.h"
#include "core/file_io.h"
#include "core/log.h"

namespace vitro::cli {

int run_sample(CalibrateVerbOptions& options) {
  const std::filesystem::path root = options.model, output = options.output;
  check_writable(options.output, {});
  options.sample.evaluation = options.calibrate.evaluation;
  ThreadTeam team(options.session.threads > 0 ? options.session.threads : available_cores());
  const ImageSample sample = draw_sample(root, options.sample, team);
  if (sample.files.empty())
    fail(ErrorCode::NotFound, "'{}': all pictures are in '{}' too", root.string(),
         options.sample.evaluation.string());
  if (const auto count = static_cast<size_t>(options.sample.count); sample.files.size() < count)
    log_warning("{} of {} pictures: '{}' has no more{}", sample.files.size(), count, root.string(),
                options.sample.per_class > 0
                    ? fmt::format(" than {} of each class", options.sample.per_class)
                    : "");
  if (sample.classes < sample.all_classes)
    log_warning("pictures of {} of {} classes", sample.classes, sample.all_classes);
  if (sample.passed_over > 0)
    log_warning("{} pictures that are in '{}' too were passed over", sample.passed_over,
                options.sample.evaluation.string());
  write_file_atomic(output, as_byte_span(image_list_text(sample, output.parent_path())));
  if (options.json)
    print_json({{"folder", root.string()},
                {"output", options.output},
                {"images", sample.files.size()},
                {"classes", sample.classes},
                {"passed_over", sample.passed_over},
                {"seed", options.sample.seed}});
  else
    write_stdout(
        fields_text({{"images", fmt::format("{}", sample.files.size())},
                     {"classes", fmt::format("{} of {}", sample.classes, sample.all_classes)},
                     {"list", options.output}}));
  return kSuccess;
}

}  // namespace vitro::cli
