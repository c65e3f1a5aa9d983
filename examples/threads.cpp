// Several threads share one session, and with it the weights: threads MODEL IMAGE...
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include "vitro/vitro.h"

namespace {

/// What became of one image.
struct Result {
  size_t index = 0;
  std::string error;
};

Result classify(const vitro::Session& session, const char* path) {
  try {
    const vitro::Preprocessing& preprocessing = session.plan().classifier().preprocessing;
    vitro::Tensor input({1, 3, preprocessing.height, preprocessing.width});
    vitro::preprocess(vitro::load_image(path), preprocessing, input.as<float>());
    const vitro::Tensor output = session.run(input);
    const std::span<const float> logits = output.as<float>();
    return {static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()),
            {}};
  } catch (const vitro::Error& error) {
    return {0, error.what()};
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL IMAGE...\n", argv[0]);
    return 2;
  }
  try {
    const vitro::Plan plan = vitro::load_or_build(argv[1]);
    const vitro::Session session(plan, {.threads = 1});  // one for each of the callers

    std::vector<Result> results(static_cast<size_t>(argc - 2));
    std::vector<std::jthread> workers;
    for (size_t i = 0; i < results.size(); ++i)
      workers.emplace_back([&, i] { results[i] = classify(session, argv[i + 2]); });
    workers.clear();  // joins

    for (size_t i = 0; i < results.size(); ++i) {
      const bool failed = !results[i].error.empty();
      std::printf("%s: %s\n", argv[i + 2],
                  failed ? results[i].error.c_str()
                         : ("class " + std::to_string(results[i].index)).c_str());
    }
  } catch (const vitro::Error& error) {
    std::fprintf(stderr, "error: %s\n%s%s", error.what(), error.hint().c_str(),
                 error.hint().empty() ? "" : "\n");
    return 1;
  }
}
