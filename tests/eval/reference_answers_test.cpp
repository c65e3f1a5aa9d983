#include "eval/reference_answers.h"

#include <gtest/gtest.h>

#include <fstream>

#include "calibration/small_model.h"
#include "core/temporary_directory.h"
#include "vitro/build.h"

namespace vitro::test {
namespace {

TEST(ReferenceAnswers, AreThoseOfAnEvaluationBesideTheReference) {
  const TemporaryDirectory directory;
  write_small_model(directory / "a.onnx");
  write_small_model(directory / "b.onnx", 0.9f);
  write_pictures(directory / "images", 3, 3);
  std::ofstream(directory / "images" / "b" / "broken.png") << "no picture";
  BuildOptions options;
  options.height = options.width = 32;
  const Session a(build(directory / "a.onnx", options), {.backend = "cpu"}),
      b(build(directory / "b.onnx", options), {.backend = "cpu"});
  const std::vector<LabelledImage> images = scan_image_folder(directory / "images", {}).images;
  int failures = 0;
  EvaluationHooks hooks{.on_progress = [](int64_t) {},
                        .on_failure = [&](const std::string&) { ++failures; }};
  const ReferenceAnswers answers(a, images, 4, hooks);
  EXPECT_EQ(answers.images(), 9);
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(answers.divergence(a), 0);
  const double expected = evaluate(b, &a, images, 4, hooks).agreement->kl_divergence;
  EXPECT_GT(expected, 0);
  EXPECT_NEAR(answers.divergence(b), expected, 1e-9 * expected);

  hooks.stop = [] { return true; };
  EXPECT_EQ(ReferenceAnswers(a, images, 4, hooks).images(), 0);
  EXPECT_EQ(evaluate(a, nullptr, images, 4, hooks).images, 0);
}

}  // namespace
}  // namespace vitro::test
