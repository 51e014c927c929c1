#include "gradus/ops/conv_geometry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "gradus/core/error.h"

namespace gradus {
namespace {

// Attributes stay below this, so that sums and products of them with image sizes cannot overflow.
constexpr std::int64_t kMaxAttribute = INT32_MAX;
constexpr std::int64_t kMaxPixels = std::int64_t{1} << 61;

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

std::string list(std::span<const std::int64_t> values) { return fmt::format("[{}]", fmt::join(values, ",")); }

// `operands` names the tensors that the rule was broken for, where they are known.
[[noreturn]] void reject(const std::string& rule, const std::string& operands) {
  throw invalid_argument(operands.empty() ? rule : rule + ": " + operands);
}

// Fills in padding and output size; false when the window is larger than the padded image, unless the output may be empty
// and is.
bool place(WindowAxis& axis, Padding padding, std::int64_t before, std::int64_t after, bool allow_empty) {
  const bool unknown_window = axis.window == kUnknownDim;
  axis.out = kUnknownDim;
  if (axis.in == kUnknownDim) return true;
  if (padding == Padding::kSame) {
    axis.out = ceil_divide(axis.in, axis.stride);
    if (unknown_window || axis.out == 0) return true;
    const std::int64_t total = std::max<std::int64_t>((axis.out - 1) * axis.stride + axis.extent() - axis.in, 0);
    axis.pad_before = total / 2;
    axis.pad_after = total - axis.pad_before;
    return true;
  }
  axis.pad_before = before;
  axis.pad_after = after;
  if (unknown_window) return true;
  const std::int64_t room = axis.in + before + after - axis.extent();  // negative: not even the first window fits
  axis.out = (room + axis.stride) / axis.stride;                       // truncated toward zero
  return room >= 0 || (allow_empty && axis.out == 0);
}

// The i in [0, count) with first + i * step in [0, in).
WindowAxis::Range multiples_inside(std::int64_t first, std::int64_t step, std::int64_t count, std::int64_t in) {
  const std::int64_t begin = first >= 0 ? 0 : std::min(ceil_divide(-first, step), count);
  const std::int64_t end = in > first ? std::min(ceil_divide(in - first, step), count) : 0;
  return {begin, std::max(end, begin)};
}

}  // namespace

WindowAxis::Range WindowAxis::taps_inside(std::int64_t position) const {
  return multiples_inside(pixel(position, 0), dilation, window, in);
}

WindowAxis::Range WindowAxis::positions_inside(std::int64_t tap) const {
  return multiples_inside(pixel(0, tap), stride, out, in);
}

void check_per_dimension(const char* name, std::span<const std::int64_t> values, DataFormat format,
                         const std::string& operands) {
  const char* letters = data_format_name(format);
  if (values.size() != 4) {
    reject(fmt::format("{} must be 4 integers in {} order; got {}", name, letters, list(values)), operands);
  }
  const ImageAxes axes = image_axes(format);
  for (const int axis : {axes.height, axes.width}) {
    const std::int64_t value = values[static_cast<std::size_t>(axis)];
    if (value < 1 || value > kMaxAttribute) {
      reject(fmt::format("{} for rows and columns must be at least 1 and below 2^31; got {} {}", name, list(values),
                         letters),
             operands);
    }
  }
  for (const int axis : {axes.batch, axes.channels}) {
    if (values[static_cast<std::size_t>(axis)] != 1) {
      reject(fmt::format("{} for batch and depth must be 1; got {} {}", name, list(values), letters), operands);
    }
  }
}

void check_placement(const WindowPlacement& p, const std::string& operands) {
  check_per_dimension("strides", p.strides, p.data_format, operands);
  if (!p.dilations.empty()) check_per_dimension("dilations", p.dilations, p.data_format, operands);
  const char* letters = data_format_name(p.data_format);
  if (p.padding != Padding::kExplicit) {
    if (p.explicit_paddings.empty()) return;
    reject(fmt::format("explicit_paddings go with padding EXPLICIT only; got {} with padding {}",
                       list(p.explicit_paddings), padding_name(p.padding)),
           operands);
  }
  const bool in_range = std::all_of(p.explicit_paddings.begin(), p.explicit_paddings.end(),
                                    [](std::int64_t v) { return v >= 0 && v <= kMaxAttribute; });
  if (p.explicit_paddings.size() != 8 || !in_range) {
    reject(fmt::format("padding EXPLICIT needs 8 explicit_paddings from 0 to 2^31 - 1, [before, after] per dimension "
                       "in {} order; got {}",
                       letters, list(p.explicit_paddings)),
           operands);
  }
  const ImageAxes axes = image_axes(p.data_format);
  for (const int axis : {axes.batch, axes.channels}) {
    const auto i = static_cast<std::size_t>(2 * axis);
    if (p.explicit_paddings[i] != 0 || p.explicit_paddings[i + 1] != 0) {
      reject(
          fmt::format("explicit_paddings for batch and depth must be 0; got {} {}", list(p.explicit_paddings), letters),
          operands);
    }
  }
}

WindowGeometry window_geometry(const WindowPlacement& p, const Shape& image, std::int64_t window_h,
                               std::int64_t window_w, const char* window_name, const std::string& operands) {
  check_placement(p, operands);
  const ImageAxes axes = image_axes(p.data_format);
  WindowGeometry g;
  g.data_format = p.data_format;
  g.batch = image[axes.batch];
  g.channels = image[axes.channels];

  const auto fill = [&](WindowAxis& axis, int dim, std::int64_t window, const char* unit) {
    const auto i = static_cast<std::size_t>(dim);
    axis.in = image[dim];
    axis.window = window;
    axis.stride = p.strides[i];
    axis.dilation = p.dilations.empty() ? 1 : p.dilations[i];
    if (window > kMaxAttribute || axis.in > kMaxPixels) {
      throw invalid_argument(fmt::format("the {} may have {} {} at most and the image {}: {}", window_name,
                                         kMaxAttribute, unit, kMaxPixels, operands));
    }
    const bool given = p.padding == Padding::kExplicit;
    const std::int64_t before = given ? p.explicit_paddings[2 * i] : 0;
    const std::int64_t after = given ? p.explicit_paddings[2 * i + 1] : 0;
    if (place(axis, p.padding, before, after, p.allow_empty_output)) return;
    const std::string dilated = axis.dilation == 1 ? "" : fmt::format(" ({} with dilation {})", window, axis.dilation);
    throw invalid_argument(fmt::format("the {} has {} {}{} but the padded image only {}: {}", window_name,
                                       axis.extent(), unit, dilated, axis.in + before + after, operands));
  };
  fill(g.rows, axes.height, window_h, "rows");
  fill(g.columns, axes.width, window_w, "columns");
  return g;
}

ConvGeometry conv_geometry(const WindowPlacement& p, const Shape& input, const Shape& filter, const char* input_name) {
  const std::string operands =
      fmt::format("{} {}, filter {}", input_name, image_text(input, p.data_format), filter_text(filter));
  ConvGeometry g;
  static_cast<WindowGeometry&>(g) = window_geometry(p, input, filter[0], filter[1], "kernel", operands);
  g.out_channels = filter[3];
  g.groups = kUnknownDim;
  const std::int64_t expected = filter[2];
  if (expected == 0) throw invalid_argument("the filter must have at least 1 input channel: " + operands);
  if (g.channels != kUnknownDim && expected != kUnknownDim) {
    if (g.channels < expected || g.channels % expected != 0) {
      throw invalid_argument(fmt::format("input has {} channels but filter expects {}{}: {}", g.channels,
                                         g.channels < expected ? "" : "a multiple of ", expected, operands));
    }
    g.groups = g.channels / expected;
    if (g.out_channels != kUnknownDim && g.out_channels % g.groups != 0) {
      throw invalid_argument(
          fmt::format("filter has {} output channels, not a multiple of the {} groups ({} input channels / {} "
                      "filter channels): {}",
                      g.out_channels, g.groups, g.channels, expected, operands));
    }
  }
  const auto no_elements = [](const Shape& s) { return std::find(s.begin(), s.end(), 0) != s.end(); };
  const Shape output = g.output_shape();
  if ((filter[0] == 0 || filter[1] == 0) && input.fully_known() && output.fully_known() && !no_elements(input) &&
      !no_elements(output)) {
    throw invalid_argument("the filter is empty but input and output are not: " + operands);
  }
  return g;
}

std::string image_text(const Shape& shape, DataFormat format) {
  return fmt::format("{} {}", shape.to_string(), data_format_name(format));
}

std::string filter_text(const Shape& shape) { return shape.to_string() + " HWIO"; }

}  // namespace gradus
