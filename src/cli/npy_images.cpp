#include "cli/npy_images.h"

#include <algorithm>

#include "core/check.h"
#include "core/convert.h"
#include "formats/npy.h"

namespace vitro::cli {

Tensor read_npy_images(const std::string& path) {
  const Tensor stored = read_npy(path);
  if (stored.dtype() == DType::Float32) return stored;
  Tensor images(stored.dims());
  const auto pixels = images.as<float>();
  switch (stored.dtype()) {
    case DType::Float16:
    case DType::Float64:
      to_float32(stored.dtype(), stored.bytes(), pixels.data());
      return images;
    case DType::UInt8:
      std::ranges::copy(stored.as<uint8_t>(), pixels.begin());
      return images;
    default:
      fail_hint(ErrorCode::Unsupported, "convert it with numpy: array.astype(\"float32\")",
                "npy '{}': elements of {}, expected F32, or F16, F64 or U8, which are converted",
                path, dtype_name(stored.dtype()));
  }
}

}  // namespace vitro::cli
