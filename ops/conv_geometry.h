// The geometry of windows that slide over images: the only place with padding and output-size arithmetic. Shape
// functions and the kernels of every backend, for convolutions and for pooling, take it from here.
//
//   extent = (window - 1) * dilation + 1
//   SAME             out = ceil(in / stride), total padding = max((out - 1) * stride + extent - in, 0),
//                    before = total / 2 rounded down; the odd pixel goes after
//   VALID, EXPLICIT  out = (in + before + after - extent + stride) / stride, truncated toward zero; an extent beyond the
//                    padded image fails, but gradients take an out of 0 (allow_empty_output): it has no windows
//
// (TensorFlow's documentation of tf.nn.convolution.) Everything here is a plain value; nothing keeps a reference. What is constexpr can
// be called by kernels of GPUs as well.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gradus/core/shape.h"
#include "gradus/ops/image_format.h"

namespace gradus {

// One spatial dimension: windows of `window` taps, `dilation` apart, placed every `stride` pixels of an image of `in`
// pixels.
struct WindowAxis {
  std::int64_t in = 0;
  std::int64_t window = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad_before = 0;
  std::int64_t pad_after = 0;
  std::int64_t out = 0;

  // Pixels from a window's first tap to its last, both included.
  constexpr std::int64_t extent() const { return window == 0 ? 0 : (window - 1) * dilation + 1; }
  // The pixel under tap `tap` of the window at `position`; below 0 or from `in` on it lies in the padding.
  constexpr std::int64_t pixel(std::int64_t position, std::int64_t tap) const {
    return position * stride - pad_before + tap * dilation;
  }

  // The inverse: the position whose tap `tap` lies on `pixel`. False where the stride steps over that pixel; the
  // position may lie outside [0, out).
  constexpr bool position(std::int64_t pixel, std::int64_t tap, std::int64_t* position) const {
    const std::int64_t distance = pixel - (tap * dilation - pad_before);  // from tap `tap` of position 0
    *position = distance / stride;
    return distance % stride == 0;
  }

  // Half-open ranges [begin, end), possibly empty (begin == end).
  struct Range {
    std::int64_t begin, end;
    std::int64_t size() const { return end - begin; }
  };
  // The taps of the window at `position` that lie inside the image.
  Range taps_inside(std::int64_t position) const;
  // The positions whose tap `tap` lies inside the image.
  Range positions_inside(std::int64_t tap) const;
};

// Windows over a batch of images. `channels` are the image's.
struct WindowGeometry {
  DataFormat data_format = DataFormat::kNHWC;
  std::int64_t batch = 0;
  std::int64_t channels = 0;
  WindowAxis rows;
  WindowAxis columns;

  // The shape of one value per window position and channel, in data_format.
  Shape output_shape(std::int64_t out_channels) const {
    return image_shape(data_format, batch, rows.out, columns.out, out_channels);
  }
};

// The attributes that place windows, as ops spell them: one value (two for paddings) per dimension in data_format
// order.
struct WindowPlacement {
  std::span<const std::int64_t> strides;    // 4 values; 1 for batch and channels
  std::span<const std::int64_t> dilations;  // likewise, or empty for all 1
  Padding padding = Padding::kSame;
  std::span<const std::int64_t> explicit_paddings;  // 8 values [before, after] where padding is EXPLICIT, else empty
  DataFormat data_format = DataFormat::kNHWC;
  // A window larger than the padded image by less than two strides, where the formula above gives 0, makes an output
  // without elements instead of an error.
  bool allow_empty_output = false;
};

// Throws InvalidArgument unless `values` are 4 integers in [1, 2^31), those for batch and channels 1. `name` is the
// attribute's, for the text: "strides", "dilations", "ksize". `operands` ("input [2,5,5,3] NHWC, filter ...") ends the text.
void check_per_dimension(const char* name, std::span<const std::int64_t> values, DataFormat format,
                         const std::string& operands = "");
// The whole placement, by the same rule; explicit paddings must be 8 integers in [0, 2^31), given exactly when padding
// is EXPLICIT, those for batch and channels 0.
void check_placement(const WindowPlacement& placement, const std::string& operands = "");

// Windows of window_h x window_w over images of `image` (rank 4, in data_format order). Unknown sizes (kUnknownDim) are
// allowed and leave unknown what depends on them. Throws InvalidArgument when check_placement does, or when a window is
// larger than the padded image (see allow_empty_output); `window_name` ("kernel", "window") and `operands` end up in the text.
WindowGeometry window_geometry(const WindowPlacement& placement, const Shape& image, std::int64_t window_h,
                               std::int64_t window_w, const char* window_name, const std::string& operands);

// A convolution: `channels` go in, `out_channels` come out, both in `groups` parts that do not see each other.
struct ConvGeometry : WindowGeometry {
  std::int64_t out_channels = 0;
  std::int64_t groups = 1;

  constexpr std::int64_t group_in() const { return channels / groups; }  // channels of the filter
  constexpr std::int64_t group_out() const { return out_channels / groups; }
  Shape input_shape() const { return image_shape(data_format, batch, rows.in, columns.in, channels); }
  Shape filter_shape() const { return {rows.window, columns.window, group_in(), out_channels}; }
  Shape output_shape() const { return WindowGeometry::output_shape(out_channels); }
};

// The convolution of `input` (rank 4, data_format order) with `filter` [rows, columns, channels / groups,
// out_channels]. Unknown sizes are allowed; groups is kUnknownDim where it cannot be known. Throws InvalidArgument when
// window_geometry does, for channels that do not divide, and for a filter without taps where input and output have
// elements. `input_name` is what the text calls the image ("input", "input_sizes").
ConvGeometry conv_geometry(const WindowPlacement& placement, const Shape& input, const Shape& filter,
                           const char* input_name = "input");

// "[2,5,5,3] NHWC"
std::string image_text(const Shape& shape, DataFormat format);
// "[5,5,3,32] HWIO"
std::string filter_text(const Shape& shape);

}  // namespace gradus
