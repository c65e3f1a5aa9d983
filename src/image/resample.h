#pragma once

#include "vitro/image.h"

namespace vitro::image {

/// A rectangle of a picture of full_width x full_height that need not exist as a whole.
struct Region {
  int64_t full_width = 0;
  int64_t full_height = 0;
  int64_t left = 0;
  int64_t top = 0;
  int width = 0;
  int height = 0;
};

/// The pixels of `region` after resizing `image` to the region's full size; the same bytes as
/// resizing everything and cropping. The region is not empty and lies inside; the image is valid.
Image resample_region(const Image& image, const Region& region, Interpolation interpolation);

/// Throws InvalidArgument unless the picture has at least one pixel and as many bytes as its size
/// says.
void check_image(const Image& image);

}  // namespace vitro::image
