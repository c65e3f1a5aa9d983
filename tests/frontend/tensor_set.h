#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "formats/tensor_file.h"

namespace vitro::test {

/// Appends a tensor whose bytes `file` then owns.
template <typename T>
void add_tensor(TensorFile& file, std::string name, DType dtype, Dims dims,
                const std::vector<T>& values) {
  auto owner = std::make_shared<std::vector<T>>(values);
  file.tensors.push_back(
      {std::move(name), dtype, std::move(dims), std::as_bytes(std::span<const T>(*owner))});
  file.owners.push_back(std::move(owner));
}

/// The tensor called `name`, which must be there.
inline TensorEntry& find_tensor(TensorFile& file, const std::string& name) {
  for (TensorEntry& tensor : file.tensors)
    if (tensor.name == name) return tensor;
  throw std::runtime_error("no tensor " + name);
}

}  // namespace vitro::test
