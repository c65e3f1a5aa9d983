#include "runtime/small_plan.h"

// The corpus of fuzz_plan: a small plan that uses every fused op. usage: make_plan_seed FILE
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  vitro::save(vitro::test::small_plan(), argv[1]);
}
