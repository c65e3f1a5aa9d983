// The main of a fuzz target where there is no libFuzzer: replay FOLDER... gives the target every
// file, cut short at several places and with bytes changed at seeded ones.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;
constexpr size_t kCuts = 16, kChanges = 200;

Bytes read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// In a block of its own, so that sanitizers see what is read past its end.
void give(const Bytes& bytes) {
  const Bytes exact(bytes);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void give_changed(const Bytes& seed) {
  for (size_t i = 0; i < kCuts; ++i)
    give(Bytes(seed.begin(), seed.begin() + static_cast<int64_t>(seed.size() * i / kCuts)));
  std::mt19937 random(20240229);
  for (size_t i = 0; i < kChanges && !seed.empty(); ++i) {
    Bytes changed = seed;
    for (size_t edits = 1 + random() % 4; edits > 0; --edits)
      changed[random() % changed.size()] = static_cast<uint8_t>(random());
    give(changed);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<std::filesystem::path> seeds;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(argv[i]))
      seeds.push_back(entry.path());
  if (seeds.empty()) {
    fmt::print(stderr, "usage: {} FOLDER..., with files in them\n", argv[0]);
    return 2;
  }
  std::sort(seeds.begin(), seeds.end());
  for (const std::filesystem::path& path : seeds) {
    fmt::print("{}\n", path.string());
    std::fflush(stdout);  // the last name is that of the finding
    const Bytes seed = read(path);
    give(seed);
    give_changed(seed);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "not an Error: {}\n", error.what());
  return 1;
}
