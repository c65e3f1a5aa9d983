// Classifies one image: classify MODEL IMAGE
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "vitro/vitro.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MODEL IMAGE\n", argv[0]);
    return 2;
  }
  try {
    const vitro::Plan plan = vitro::load_or_build(argv[1]);
    const vitro::Session session(plan);

    const vitro::Preprocessing& preprocessing = plan.classifier().preprocessing;
    vitro::Tensor input({1, 3, preprocessing.height, preprocessing.width});
    vitro::preprocess(vitro::load_image(argv[2]), preprocessing, input.as<float>());
    const vitro::Tensor output = session.run(input);  // [1, classes]
    const std::span<const float> logits = output.as<float>();

    const auto best = std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (float logit : logits) sum += std::exp(logit - *best);
    const auto index = static_cast<size_t>(best - logits.begin());
    const auto& labels = plan.classifier().labels;
    std::printf("%s: class %zu, %s, %.2f %%\n", argv[2], index,
                index < labels.size() ? labels[index].c_str() : "no label", 100 / sum);
  } catch (const vitro::Error& error) {
    std::fprintf(stderr, "error: %s\n%s%s", error.what(), error.hint().c_str(),
                 error.hint().empty() ? "" : "\n");
    return 1;
  }
}
