// How the CPU carries out a convolution, worked out once per plan.
//
// Conv2D and Conv2DBackpropInput are the same computation: every pixel of the destination is a sum, over some taps, of
// a pixel of the source times a matrix of the filter. In Conv2D the source is the image; in Conv2DBackpropInput it is
// out_backprop, and with a stride s the destination falls into s * s phases, each with the taps that reach it.
// Conv2DBackpropFilter walks the same pairs of pixels as Conv2D and sums up the matrices instead.
//
// The source, unless it can be read in place (conv2d_strips.h, conv2d_depthwise.h), is copied, a strip of rows of one
// image at a time, into scratch memory as [rows][columns][channels] of the type that is computed in, with the padding
// filled in. All layouts, dtypes, paddings and dilations are dealt with there, and the loops over the strip know only
// offsets: the taps of a window are runs of consecutive values at fixed distances from the window's first pixel. Where
// the taps of a filter row lie side by side their runs are joined: S taps of C channels are one run of S*C values.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/ops/conv_geometry.h"

namespace gradus::cpu {

// One channel per group: products of vectors in place of products of matrices.
constexpr bool is_depthwise(const ConvGeometry& g) { return g.group_in() == 1 && g.groups > 1; }

// Which of the three ops.
enum class ConvDirection { kForward, kBackpropInput, kBackpropFilter };

// The destination pixels first, first + step, ... (count of them) of one axis. Number t of them sees, under tap `tap`,
// the source pixel t * source_step + offset.
struct AxisPhase {
  struct Tap {
    std::int64_t offset, tap;
  };
  std::int64_t first = 0, step = 1, count = 0, source_step = 1;
  std::vector<Tap> taps;  // ascending offsets; taps that only ever see padding are left out
};
// Destination: positions; source: pixels. One phase.
std::vector<AxisPhase> forward_phases(const WindowAxis& axis);
// Destination: pixels; source: positions. min(stride, in) phases.
std::vector<AxisPhase> backward_phases(const WindowAxis& axis);

// `length` consecutive values of the strip, `offset` from the window's first pixel, meet the filter's rows from `row`
// on. Rows are numbered through all runs of a phase. Step t of the phase's rows sees them in source row t * source_step
// + source_row: where that lies outside the image, the run has nothing but padding to offer, and tiles skip it.
struct Run {
  std::int64_t offset, length, row, source_row;
};

// A phase of both axes, with the tables that the inner loops need for a full strip.
struct Phase {
  const AxisPhase* rows = nullptr;
  const AxisPhase* columns = nullptr;

  // The filter as this phase sees it.
  std::vector<std::int64_t> filter_taps;  // r * S + s per tap, in the order of the filter's rows
  std::int64_t filter_rows = 0;           // taps * channels of a group
  std::int64_t packed_begin = 0;          // where its packed filter begins, per group and padded column
  std::vector<Run> runs;                  // by ascending source_row
  std::vector<std::int64_t>
      row_offsets;  // of every row of the filter: what it meets in the strip, from the window's first value

  // The runs that step t sees, for all steps of the axis. Both ends descend with t.
  struct RunRange {
    std::size_t begin, end;
  };
  std::vector<RunRange> row_runs;

  // Per destination pixel of a strip: the window's first value in the source strip, and the pixel's first in the destination strip.
  std::vector<std::int64_t> source_offsets, dest_offsets;
};

// Everything about a convolution that does not depend on element types. Sizes count values, not bytes.
struct ConvPlan {
  // `lanes`: values of a vector, to which a group's channels are padded.
  ConvPlan(const ConvGeometry& g, ConvDirection direction, std::size_t element_size, int lanes);
  ConvPlan(const ConvPlan&) = delete;  // phases point into axis_rows, axis_columns
  ConvPlan& operator=(const ConvPlan&) = delete;

  ConvGeometry geometry;
  bool to_input = false;   // Conv2DBackpropInput: from out_backprop to the image
  bool depthwise = false;  // one channel per group: a vector product instead of a matrix product

  // One of the two sides: its images as tensors, and as strips in scratch memory.
  struct Side {
    std::int64_t h = 0, w = 0, channels = 0;
    std::int64_t group_channels = 0;
    std::int64_t row_step = 1;        // rows from one step of a strip to the next
    std::int64_t strip_channels = 0;  // from a pixel to the next in a strip: its channels, or somewhat more
    std::int64_t repeat = 1;          // depthwise: so many neighbours of them for one channel of the image
    std::int64_t image_values() const { return h * w * channels; }
  };
  Side source, dest;
  std::int64_t padded_group_dest = 0;  // dest.group_channels rounded up to whole vectors

  // Images are cut into strips: `steps` steps of every row phase each.
  struct Strips {
    std::int64_t steps = 1, count = 0;
    std::int64_t first_row = 0, first_column = 0;  // where source strip 0 begins, relative to the image; at most 0
    std::int64_t rows = 0, columns = 0;            // of a source strip
    std::int64_t row_step = 1;   // with one row of taps and a stride of s, only every s-th row is copied
    bool rows_of_image = false;  // their copies are what NHWC images are anyway: whole rows, without padding
  };
  Strips strips;
  std::int64_t units_per_chunk = 1;  // strips of all images for parallel_for: depends on shapes alone

  std::vector<AxisPhase> axis_rows, axis_columns;
  std::vector<Phase> phases;
  std::int64_t packed_values = 0;  // of the whole filter, all phases and groups

  std::int64_t units() const { return geometry.batch * strips.count; }
  std::int64_t strip_values() const { return strips.rows * strips.columns * source.strip_channels; }
  std::int64_t dest_strip_values() const { return strips.steps * dest.row_step * dest.w * dest.strip_channels; }

  // What strip `index` covers.
  std::int64_t source_row(std::int64_t index) const {
    return strips.first_row + index * strips.steps * source.row_step;
  }
  std::int64_t dest_row(std::int64_t index) const { return index * strips.steps * dest.row_step; }
  std::int64_t dest_rows(std::int64_t index) const;
  // Steps of row phase `rows` in strip `index`.
  std::int64_t steps(std::int64_t index, const AxisPhase& rows) const;

 private:
  void set_sides(std::size_t element_size, int lanes);
  void cut_strips(std::size_t element_size);
  Phase make_phase(const AxisPhase& rows, const AxisPhase& columns) const;
  void add_runs(Phase& phase) const;
  void find_row_runs(Phase& phase) const;
  void find_pixels(Phase& phase) const;
};

}  // namespace gradus::cpu
