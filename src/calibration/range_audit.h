#pragma once

#include "calibration/calibrate.h"

namespace vitro {

/// How large values of a plan became on pictures.
struct RangeAudit {
  int64_t images = 0;
  /// By node of the plan's graph: the largest magnitude that it reads or makes, those inside of
  /// fused ops too; infinite where one is no number.
  std::vector<float> largest;
};

/// Beyond this magnitude an op keeps float32: a quarter of what float16 holds, because other
/// pictures may have larger values.
inline constexpr float kLargestInFloat16 = 65504.0f / 4;

/// Runs the plan in float32 on pictures (a folder, or a list: find_images()) on the cpu backend and
/// has its ops keep float32 where values were larger than kLargestInFloat16; notes of the plan say
/// which. `options` as far as they speak of pictures. Nothing when it was stopped. Throws
/// NotFound for a plan that is no classifier, what find_images() throws, and CorruptFile when no
/// picture could be read.
std::optional<Plan> with_float32_islands(const Plan& plan, const std::filesystem::path& images,
                                         const CalibrateOptions& options);

/// What with_float32_islands() measures; nothing when it was stopped.
std::optional<RangeAudit> audit_ranges(const Plan& plan, const std::filesystem::path& images,
                                       const CalibrateOptions& options);

}  // namespace vitro
