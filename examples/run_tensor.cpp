// Builds a plan, saves it, loads it again and runs a raw tensor: run_tensor CHECKPOINT PLAN
#include <cstdio>

#include "vitro/vitro.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s CHECKPOINT PLAN\n", argv[0]);
    return 2;
  }
  try {
    vitro::save(vitro::build(argv[1]), argv[2]);
    const vitro::Plan plan = vitro::load(argv[2]);
    const vitro::Session session(plan, {.backend = "cpu", .threads = 2});

    // One plan takes every batch and every size that the strides of the model divide.
    for (const vitro::Dims& dims : {vitro::Dims{1, 3, 224, 224}, vitro::Dims{2, 3, 64, 96}}) {
      session.prepare(dims);  // from here on run() allocates nothing
      const vitro::Tensor images(dims);
      const vitro::Tensor logits({dims[0], plan.classifier().num_classes});
      session.run({&images.view(), 1}, {&logits.view(), 1});
      std::printf("%s -> %s, %zu bytes of working memory\n", vitro::to_string(dims).c_str(),
                  vitro::to_string(logits.dims()).c_str(), session.arena_bytes(dims));
    }
  } catch (const vitro::Error& error) {
    std::fprintf(stderr, "error: %s\n%s%s", error.what(), error.hint().c_str(),
                 error.hint().empty() ? "" : "\n");
    return 1;
  }
}
