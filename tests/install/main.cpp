#include <cstdio>
#include <vitro/vitro.h>

int main(int argc, char** argv) try {
  const vitro::Session session(vitro::build(argc > 1 ? argv[1] : "model.safetensors"));
  const vitro::Tensor logits = session.run(vitro::Tensor({1, 3, 224, 224}));
  std::printf("%s %s\n", vitro::version(), vitro::to_string(logits.dims).c_str());
} catch (const vitro::Error& error) {
  return std::fprintf(stderr, "%s\n", error.what()), 1;
}
