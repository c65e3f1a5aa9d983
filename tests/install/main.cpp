#include <vitro/vitro.h>
#include <cstdio>

int main(int argc, char** argv) try {
  const char* model = argc > 1 ? argv[1] : "model.safetensors";
  const vitro::Session session(vitro::build(model));
  vitro::QuantizeOptions quantize;
  quantize.calibration = "no.calib";
  try {
    vitro::build(model, {}, quantize);
    return 1;
  } catch (const vitro::Error& error) {
    if (error.code() != vitro::ErrorCode::NotFound) throw;
  }
  const vitro::Image gray{8, 8, std::vector<uint8_t>(8 * 8 * 3, 128)};
  vitro::Tensor images({1, 3, 224, 224});
  vitro::preprocess(gray, session.plan().classifier().preprocessing, images.as<float>());
  const vitro::Tensor logits = session.run(images);
  std::printf("%s %s\n", vitro::version(), vitro::to_string(logits.dims()).c_str());
} catch (const vitro::Error& error) {
  return std::fprintf(stderr, "%s\n", error.what()), 1;
}
