// GIF through giflib: the first picture of a file, on its canvas.
#include <algorithm>
#include <cstring>

#include <gif_lib.h>

#include "core/check.h"
#include "image/decoders.h"
#include "image/palette.h"

namespace vitro::image {
namespace {

struct Source {
  std::span<const std::byte> bytes;
  size_t next = 0;
};

int read_source(GifFileType* gif, GifByteType* destination, int count) {
  auto& source = *static_cast<Source*>(gif->UserData);
  const size_t read = std::min(source.bytes.size() - source.next, static_cast<size_t>(count));
  std::memcpy(destination, source.bytes.data() + source.next, read);
  source.next += read;
  return static_cast<int>(read);
}

class GifReader {
 public:
  GifReader(std::span<const std::byte> bytes, std::string_view name) : name_(name) {
    source_.bytes = bytes;
    int error = 0;
    gif_ = DGifOpen(&source_, read_source, &error);
    check(gif_ != nullptr, ErrorCode::CorruptFile, "image '{}': GIF: {}", name_, text(error));
  }
  GifReader(const GifReader&) = delete;
  GifReader& operator=(const GifReader&) = delete;
  ~GifReader() { DGifCloseFile(gif_, nullptr); }

  Image read(const DecodeLimits& limits) {
    find_picture();
    const GifImageDesc& frame = gif_->Image;
    // As in Pillow, a canvas grows with what does not fit.
    const int64_t width = std::max<int64_t>(gif_->SWidth, int64_t{frame.Left} + frame.Width);
    const int64_t height = std::max<int64_t>(gif_->SHeight, int64_t{frame.Top} + frame.Height);
    check_dimensions(name_, width, height, limits);
    check_dimensions(name_, frame.Width, frame.Height, limits);
    const Palette palette = colors();
    Image image{static_cast<int>(width), static_cast<int>(height), {}};
    image.rgb.resize(static_cast<size_t>(width * height) * 3);
    for (size_t pixel = 0; 3 * pixel < image.rgb.size(); ++pixel)
      palette.write(transparent_, image.rgb.data() + 3 * pixel);

    std::vector<GifPixelType> line(static_cast<size_t>(frame.Width));
    for (int64_t row = 0; row < frame.Height; ++row) {
      expect(DGifGetLine(gif_, line.data(), frame.Width) != GIF_ERROR);
      const int64_t y = frame.Top + (frame.Interlace ? interlaced_row(row, frame.Height) : row);
      uint8_t* rgb = image.rgb.data() + 3 * static_cast<size_t>(y * width + frame.Left);
      for (const GifPixelType index : line) {
        palette.write(index, rgb);
        rgb += 3;
      }
    }
    return image;
  }

 private:
  static const char* text(int error) {
    const char* message = GifErrorString(error);
    return message ? message : "damaged or truncated";
  }
  void expect(bool whole) const {
    check(whole, ErrorCode::CorruptFile, "image '{}': GIF: {}", name_, text(gif_->Error));
  }

  /// Reads up to the first picture. What stands before it may say which index is transparent.
  void find_picture() {
    for (;;) {
      GifRecordType record = UNDEFINED_RECORD_TYPE;
      expect(DGifGetRecordType(gif_, &record) != GIF_ERROR);
      if (record == IMAGE_DESC_RECORD_TYPE) {
        expect(DGifGetImageDesc(gif_) != GIF_ERROR);
        return;
      }
      check(record == EXTENSION_RECORD_TYPE, ErrorCode::CorruptFile,
            "image '{}': GIF: no picture in it", name_);
      int code = 0;
      GifByteType* block = nullptr;
      expect(DGifGetExtension(gif_, &code, &block) != GIF_ERROR);
      if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && (block[1] & 1))
        transparent_ = block[4];
      while (block) expect(DGifGetExtensionNext(gif_, &block) != GIF_ERROR);
    }
  }

  Palette colors() const {
    Palette palette;
    const ColorMapObject* map = gif_->Image.ColorMap ? gif_->Image.ColorMap : gif_->SColorMap;
    const int count = map ? std::min(map->ColorCount, 256) : 0;
    for (int i = 0; i < count; ++i)
      palette.set(static_cast<size_t>(i), map->Colors[i].Red, map->Colors[i].Green,
                  map->Colors[i].Blue);
    palette.end(static_cast<size_t>(count));
    return palette;
  }

  /// Which row of a picture of `height` is the `line`th one in an interlaced file.
  static int64_t interlaced_row(int64_t line, int64_t height) {
    constexpr int64_t kFirst[]{0, 4, 2, 1}, kStep[]{8, 8, 4, 2};
    for (int pass = 0;; ++pass) {
      const int64_t rows =
          std::max<int64_t>(0, height - kFirst[pass] + kStep[pass] - 1) / kStep[pass];
      if (line < rows || pass == 3) return kFirst[pass] + line * kStep[pass];
      line -= rows;
    }
  }

  Source source_;
  std::string_view name_;
  GifFileType* gif_ = nullptr;
  uint8_t transparent_ = 0;  ///< the index that the canvas is filled with
};

}  // namespace

Image decode_gif(std::span<const std::byte> bytes, std::string_view name,
                 const DecodeLimits& limits) {
  return GifReader(bytes, name).read(limits);
}

}  // namespace vitro::image
