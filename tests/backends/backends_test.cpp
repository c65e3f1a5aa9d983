#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "backends/backend.h"
#include "vitro/error.h"

namespace vitro {
namespace {

/// A backend whose device is absent.
class NoDevice final : public Backend {
 public:
  const char* name() const override { return "gpu"; }
  std::string describe() const override { return "of a test"; }
  std::optional<Refusal> available() const override { return Refusal{"no device"}; }
  std::string instruction_set() const override { return "none"; }
  Peaks peaks(const PeakRequest&) const override { return {}; }
  std::unique_ptr<Lane> make_lane(const LaneOptions&) const override { return nullptr; }
  std::optional<Refusal> can_run(const OpContext&) const override { return Refusal{"no device"}; }
  std::unique_ptr<Executable> compile(const CompileRequest&) const override { return nullptr; }
};

std::string refusal_of(std::string_view name, std::span<const BackendRow> rows) {
  try {
    find_backend(name, rows);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Unsupported);
    return error.what();
  }
  return "no error";
}

TEST(FindBackend, AutoTakesTheFirstThatIsBuiltAndAvailable) {
  const NoDevice no_device;
  const Backend& reference = find_backend("reference");
  const std::array<BackendRow, 3> rows{{{"tpu", nullptr, "not built: it needs another compiler"},
                                        {"gpu", &no_device, nullptr},
                                        {"reference", &reference, nullptr}}};
  EXPECT_EQ(&find_backend("auto", rows), &reference);
  EXPECT_EQ(why_unavailable(rows[0])->reason, "not built: it needs another compiler");
  EXPECT_EQ(why_unavailable(rows[1])->reason, "no device");
  EXPECT_FALSE(why_unavailable(rows[2]));
  EXPECT_EQ(refusal_of("tpu", rows),
            "backend 'tpu' is not available: not built: it needs another compiler");
  EXPECT_EQ(refusal_of("gpu", rows), "backend 'gpu' is not available: no device");
  EXPECT_EQ(refusal_of("auto", std::span(rows).first(2)), "no backend is available, of: tpu, gpu");
}

TEST(Backends, NameTheirInstructionSetAndMeasureItsPeaks) {
  for (const BackendRow& row : backend_rows()) {
    if (why_unavailable(row)) continue;
    SCOPED_TRACE(row.name);
    const auto known = row.backend->instruction_sets();
    EXPECT_EQ(std::count(known.begin(), known.end(), row.backend->instruction_set()), 1);
    const Peaks peaks = row.backend->peaks({1, 1 << 20});
    EXPECT_EQ(peaks.threads, 1);
    EXPECT_GT(peaks.flops_per_s, 1e7);
    EXPECT_GE(peaks.product_flops_per_s, 0.5 * peaks.flops_per_s);
    EXPECT_GT(peaks.bytes_per_s, 1e7);
    EXPECT_LE(peaks.buffer_bytes, size_t{1} << 20);
  }
}

}  // namespace
}  // namespace vitro
