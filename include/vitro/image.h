#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vitro {

/// An 8-bit RGB picture that owns its pixels.
struct Image {
  int width = 0;             ///< pixels
  int height = 0;            ///< pixels
  std::vector<uint8_t> rgb;  ///< [height, width, 3], R G B, no row padding

  bool operator==(const Image&) const = default;
};

/// What a file may ask for before anything is allocated for it.
struct DecodeLimits {
  int64_t max_pixels = 178'956'970;    ///< width * height, where Pillow stops too
  size_t max_bytes = size_t{1} << 30;  ///< encoded size: 1 GiB
};

/// Resampling filters; each is anti-aliased when it scales down, as in Pillow.
enum class Interpolation {
  Bilinear,  ///< triangle, support 1
  Bicubic,   ///< cubic convolution with a = -0.5, support 2
  Lanczos,   ///< windowed sinc, support 3
};

/// How a picture is fitted to the input size; the words are timm's `crop_mode`.
enum class CropMode {
  Center,  ///< shorter side to size / crop_pct, then the centre; a picture that is too small gets a
           ///< black frame
  Squash,  ///< both sides to size / crop_pct, whatever the aspect ratio, then the centre
  Border,  ///< longer side to size / crop_pct, then the centre; the frame has the colour of `mean`
};

/// From a picture to the input of a model: the evaluation transform of timm and torchvision.
struct Preprocessing {
  int width = 224;   ///< of the model's input, pixels
  int height = 224;  ///< of the model's input, pixels
  /// Part of the resized side that the crop keeps: the side is floor(size / crop_pct).
  double crop_pct = 1.0;
  CropMode crop_mode = CropMode::Center;
  Interpolation interpolation = Interpolation::Bicubic;
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};  ///< R G B, of values in [0, 1]
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};   ///< R G B, of values in [0, 1]

  bool operator==(const Preprocessing&) const = default;
};

/// Parts of a Preprocessing that somebody decides; what is absent stays as it is.
struct PreprocessingChoices {
  std::optional<double> crop_pct = {};  ///< 0.01 to 1
  std::optional<CropMode> crop_mode = {};
  std::optional<Interpolation> interpolation = {};
  std::optional<std::array<float, 3>> mean = {};  ///< R G B, of values in [0, 1]
  std::optional<std::array<float, 3>> std = {};   ///< R G B, of values in [0, 1]; at least 0.001

  bool operator==(const PreprocessingChoices&) const = default;
};

/// Decodes JPEG, PNG, WebP, GIF, BMP or TIFF, told apart by their first bytes, to the bytes of
/// Pillow's `Image.open(f).convert("RGB")`: the first frame or page; alpha is dropped, not blended;
/// 16-bit gray is clipped at 255; rotation is applied in TIFF and not in EXIF. `name` stands for
/// the picture in error messages. Throws CorruptFile (also for truncated data), Unsupported
/// (another format, or a kind of TIFF or BMP that is rare) and OutOfMemory (over a limit, checked
/// on the header before any pixel is allocated).
Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                   const DecodeLimits& limits = {});

/// decode_image() of a file; also throws NotFound and DeviceError (unreadable).
Image load_image(const std::filesystem::path& path, const DecodeLimits& limits = {});

/// Equals `Image.resize((width, height), filter)` of Pillow 13 byte for byte. Pillow 12 and before
/// differ by a rounding where the height loses more than twice as many pixels as the width. Throws
/// InvalidArgument for an empty picture or a size below 1 or above 2^26 pixels.
Image resize(const Image& image, int width, int height, Interpolation interpolation);

/// The 8-bit stage of preprocess(): resized and cropped to options.width x options.height.
/// Only the pixels inside the crop are computed. Throws InvalidArgument for options out of range.
Image resize_and_crop(const Image& image, const Preprocessing& options);

/// Writes (x / 255 - mean) / std, in float32 and in this order as torchvision's ToTensor and
/// Normalize do, to `dst`: [3, height, width] planes R G B. Throws InvalidArgument when `dst` has
/// another size.
void preprocess(const Image& image, const Preprocessing& options, std::span<float> dst);

}  // namespace vitro
