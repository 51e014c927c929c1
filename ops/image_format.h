// What the ops that slide windows over images (convolution, pooling) have in common: how an image lies in memory and
// how its border is treated. The arithmetic that follows from these is in ops/conv_geometry.h.
#pragma once

#include "gradus/core/attrs.h"

namespace gradus {

// The order of the dimensions of a batch of images: N images, H rows, W columns, C channels.
enum class DataFormat { kNHWC, kNCHW };

// What lies beyond the border of an image (zeros for a convolution; nothing at all for pooling) and how much of it is
// used.
//   kSame      out = ceil(in / stride); as much padding as that needs, half on each side, an odd pixel after the image
//   kValid     none: windows lie entirely inside the image
//   kExplicit  the amounts given in explicit_paddings
enum class Padding { kSame, kValid, kExplicit };

template <>
struct EnumNames<DataFormat> {
  static constexpr const char* values[] = {"NHWC", "NCHW"};
};
template <>
struct EnumNames<Padding> {
  static constexpr const char* values[] = {"SAME", "VALID", "EXPLICIT"};
};

inline const char* data_format_name(DataFormat format) {
  return EnumNames<DataFormat>::values[static_cast<int>(format)];
}
inline const char* padding_name(Padding padding) { return EnumNames<Padding>::values[static_cast<int>(padding)]; }

// Where batch, rows, columns and channels are in a shape of `format`.
struct ImageAxes {
  int batch, height, width, channels;
};
constexpr ImageAxes image_axes(DataFormat format) {
  return format == DataFormat::kNHWC ? ImageAxes{0, 1, 2, 3} : ImageAxes{0, 2, 3, 1};
}
// The shape of a batch of images in `format`; sizes may be kUnknownDim.
inline Shape image_shape(DataFormat format, std::int64_t batch, std::int64_t height, std::int64_t width,
                         std::int64_t channels) {
  return format == DataFormat::kNHWC ? Shape{batch, height, width, channels} : Shape{batch, channels, height, width};
}

}  // namespace gradus
