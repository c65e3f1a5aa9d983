#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// How operands are stored and multiplied.
struct Format {
  Element element = Element::Float16;
  bool tf32 = false;
  size_t size() const { return wide() ? 4 : 2; }
  bool wide() const { return element == Element::Float32; }
};

/// Takes "--precision fp32|tf32|fp16|bf16" out of the arguments of a program; fp16 without it.
inline Format take_format(int& argc, char** argv) {
  Format format;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) != "--precision") continue;
    const std::string name = i + 1 < argc ? argv[i + 1] : "";
    format.tf32 = name == "tf32";
    if (name == "fp32" || name == "tf32") {
      format.element = Element::Float32;
    } else if (name == "bf16") {
      format.element = Element::BFloat16;
    } else if (name != "fp16") {
      throw std::invalid_argument("--precision is fp32, tf32, fp16 or bf16, not '" + name + "'");
    }
    std::copy(argv + i + 2, argv + argc, argv + i);
    argc -= 2;
    break;
  }
  return format;
}

}  // namespace vitro::cuda
