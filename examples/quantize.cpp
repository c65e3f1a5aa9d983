// Builds a plan of products in 8 bits: quantize MODEL CALIBRATION PLAN
#include <cstdio>

#include "vitro/vitro.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(
        stderr,
        "usage: %s MODEL CALIBRATION PLAN\n"
        "CALIBRATION is a file of 'vitro calibrate', or a folder of pictures like those of "
        "the training\n",
        argv[0]);
    return 2;
  }
  try {
    vitro::QuantizeOptions quantize;
    quantize.calibration = argv[2];
    quantize.layer_precisions = "head:int8";  // which is in floats unless it is named
    quantize.on_note = [](const std::string& note) {
      std::fprintf(stderr, "note: %s\n", note.c_str());
    };
    const vitro::Plan plan = vitro::build(argv[1], {}, quantize);
    vitro::save(plan, argv[3]);
    std::printf("%s: %s in 8 bits\n", argv[3], plan.info().architecture.c_str());
  } catch (const vitro::Error& error) {
    std::fprintf(stderr, "error: %s\n%s%s", error.what(), error.hint().c_str(),
                 error.hint().empty() ? "" : "\n");
    return 1;
  }
}
