#include "runtime/small_plan.h"
#include "runtime/tune.h"

// The corpus of fuzz_plan: a small tuned plan that uses every fused op. usage: make_plan_seed FILE
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const vitro::Tactics tactics{
      {{"a machine", 1}, {{"an op", {"cpu:mlp_phased", {{"cpu:mlp_phased", 1.5}}}}}}};
  vitro::save(vitro::with_tactics(vitro::test::small_plan(), tactics), argv[1]);
}
