// WebP through libwebp; of an animation, the first frame on a canvas that is black, which is what
// Pillow's transparent one becomes without its transparency.
#include <webp/decode.h>
#include <webp/demux.h>

#include "core/check.h"
#include "image/decoders.h"

namespace vitro::image {
namespace {

struct Frame {
  WebPData data{};
  int64_t left = 0, top = 0;
};

/// Owns what finds the frames of an animation.
class Demuxer {
 public:
  Demuxer(std::span<const std::byte> bytes, std::string_view name) {
    const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
    demuxer_ = WebPDemux(&data);
    const bool found = demuxer_ && WebPDemuxGetFrame(demuxer_, 1, &frame_) != 0 && frame_.complete;
    if (!found) close();
    check(found, ErrorCode::CorruptFile,
          "image '{}': the animated WebP is damaged or truncated before its first frame", name);
  }
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;
  ~Demuxer() { close(); }
  /// Valid as long as this object and the bytes.
  Frame first() const { return {frame_.fragment, frame_.x_offset, frame_.y_offset}; }

 private:
  void close() {
    WebPDemuxReleaseIterator(&frame_);
    WebPDemuxDelete(demuxer_);
  }

  WebPIterator frame_{};
  WebPDemuxer* demuxer_ = nullptr;
};

WebPBitstreamFeatures features_of(const WebPData& data, std::string_view name) {
  WebPBitstreamFeatures features;
  check(WebPGetFeatures(data.bytes, data.size, &features) == VP8_STATUS_OK, ErrorCode::CorruptFile,
        "image '{}': the WebP header is damaged or truncated", name);
  return features;
}

/// Decodes one picture into its place in `image`.
void decode_into(Image& image, const Frame& frame, std::string_view name) {
  const WebPBitstreamFeatures features = features_of(frame.data, name);
  check(features.has_animation == 0 && frame.left + features.width <= image.width &&
            frame.top + features.height <= image.height,
        ErrorCode::CorruptFile, "image '{}': WebP: a frame of {}x{} does not fit in {}x{}", name,
        features.width, features.height, image.width, image.height);
  const int stride = 3 * image.width;  // at most 3 * 16,777,216 bytes
  const size_t begin = 3 * static_cast<size_t>(frame.top * image.width + frame.left);
  check(WebPDecodeRGBInto(frame.data.bytes, frame.data.size, image.rgb.data() + begin,
                          image.rgb.size() - begin, stride) != nullptr,
        ErrorCode::CorruptFile, "image '{}': the WebP data is damaged or truncated", name);
}

}  // namespace

Image decode_webp(std::span<const std::byte> bytes, std::string_view name,
                  const DecodeLimits& limits) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  const WebPBitstreamFeatures features = features_of(data, name);
  check_dimensions(name, features.width, features.height, limits);
  Image image{features.width, features.height, {}};
  image.rgb.resize(3 * static_cast<size_t>(features.width) * static_cast<size_t>(features.height));
  if (features.has_animation == 0) {
    decode_into(image, {data, 0, 0}, name);
  } else {
    const Demuxer demuxer(bytes, name);
    decode_into(image, demuxer.first(), name);
  }
  return image;
}

}  // namespace vitro::image
