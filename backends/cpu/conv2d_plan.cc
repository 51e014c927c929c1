// Four steps, in the order in which they need each other: which side is read and which written, how images are cut into strips, which
// runs of a strip each destination pixel sees, and where the pixels and the filter lie in scratch memory.
#include "gradus/backends/cpu/conv2d_plan.h"

#include <algorithm>

#include "gradus/backends/common/work.h"

namespace gradus::cpu {
namespace {

using common::ceil_divide;
using common::round_up;

// A strip of the source, and one of the destination, should stay in a core's second-level cache beside the filter.
constexpr std::int64_t kStripBytes = 192 << 10;
// Where some pixels of the destination see nothing of the source, zeros are written over the whole strip first: it should stay in the
// first-level cache until the other pixels are. (A 1x1 gradient by the image under stride 2: 0.9 of the time.)
constexpr std::int64_t kZeroedStripBytes = 24 << 10;
// A batch smaller than this is split further, so that there is work for every thread.
constexpr std::int64_t kWantedUnits = 16;
// Multiply-adds that are worth handing to another thread.
constexpr std::int64_t kMinChunkWork = 200'000;

// Of depthwise kernels' copies, which are read a few channels at a time (what they read in place lies as it lies). Where a pixel takes a
// multiple of 256 bytes, these would fall into a quarter of the sets of a first-level cache, or fewer: a cache line more between
// pixels, and they spread over all.
std::int64_t depthwise_step(std::int64_t channels, std::size_t element_size) {
  constexpr std::int64_t kLine = 64;
  const auto size = static_cast<std::int64_t>(element_size);
  return channels * size % (4 * kLine) == 0 ? channels + kLine / size : channels;
}

// Sorts the taps and drops those that see nothing but padding.
void finish_taps(AxisPhase& phase, std::int64_t source_size) {
  std::erase_if(phase.taps, [&](const AxisPhase::Tap& tap) {
    return tap.offset >= source_size || tap.offset + (phase.count - 1) * phase.source_step < 0;
  });
  std::sort(phase.taps.begin(), phase.taps.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
}

// The smallest and largest tap offset and the largest count over all phases of an axis, and whether there are phases without taps.
struct Span {
  std::int64_t low = 0, high = 0, count = 0;
  bool gaps = false;  // a phase without taps
  explicit Span(const std::vector<AxisPhase>& phases) {
    bool first = true;
    for (const AxisPhase& phase : phases) {
      count = std::max(count, phase.count);
      gaps |= phase.taps.empty();
      if (phase.taps.empty()) continue;
      low = first ? phase.taps.front().offset : std::min(low, phase.taps.front().offset);
      high = first ? phase.taps.back().offset : std::max(high, phase.taps.back().offset);
      first = false;
    }
  }
  // Source pixels that `steps` steps touch.
  std::int64_t extent(std::int64_t steps, std::int64_t source_step) const {
    return (steps - 1) * source_step + high - low + 1;
  }
};

}  // namespace

std::vector<AxisPhase> forward_phases(const WindowAxis& axis) {
  AxisPhase phase{.count = axis.out, .source_step = axis.stride, .taps = {}};
  for (std::int64_t tap = 0; tap < axis.window; ++tap) phase.taps.push_back({axis.pixel(0, tap), tap});
  finish_taps(phase, axis.in);
  return {phase};
}

std::vector<AxisPhase> backward_phases(const WindowAxis& axis) {
  std::vector<AxisPhase> phases;
  for (std::int64_t first = 0; first < std::min(axis.stride, axis.in); ++first) {
    AxisPhase phase{
        .first = first, .step = axis.stride, .count = ceil_divide(axis.in - first, axis.stride), .taps = {}};
    for (std::int64_t tap = 0; tap < axis.window; ++tap) {
      std::int64_t position = 0;
      if (axis.position(first, tap, &position)) phase.taps.push_back({position, tap});
    }
    finish_taps(phase, axis.out);
    phases.push_back(phase);
  }
  return phases;
}

ConvPlan::ConvPlan(const ConvGeometry& g, ConvDirection direction, std::size_t element_size, int lanes)
    : geometry(g),
      to_input(direction == ConvDirection::kBackpropInput),
      depthwise(is_depthwise(g)),
      axis_rows(to_input ? backward_phases(g.rows) : forward_phases(g.rows)),
      axis_columns(to_input ? backward_phases(g.columns) : forward_phases(g.columns)) {
  set_sides(element_size, lanes);
  cut_strips(element_size);
  for (const AxisPhase& rows : axis_rows) {
    for (const AxisPhase& columns : axis_columns) {
      phases.push_back(make_phase(rows, columns));
      Phase& phase = phases.back();
      phase.packed_begin = packed_values;
      packed_values += depthwise ? static_cast<std::int64_t>(phase.filter_taps.size()) * g.out_channels
                                 : phase.filter_rows * g.groups * padded_group_dest;
    }
  }
}

// The image and the result change places in Conv2DBackpropInput. There a step moves on by one row of out_backprop and by `stride` rows
// of the image, whose rows in between belong to other phases.
void ConvPlan::set_sides(std::size_t element_size, int lanes) {
  const ConvGeometry& g = geometry;
  Side image{.h = g.rows.in, .w = g.columns.in, .channels = g.channels, .group_channels = g.group_in()};
  Side result{.h = g.rows.out, .w = g.columns.out, .channels = g.out_channels, .group_channels = g.group_out()};
  image.row_step = g.rows.stride;
  if (depthwise) image.repeat = g.group_out();  // each image channel meets this many channels of the result
  source = to_input ? result : image;
  dest = to_input ? image : result;
  // Whole vectors of destination channels, so that the inner loops have no rest: the surplus is computed and thrown away.
  padded_group_dest = round_up(dest.group_channels, lanes);
  source.strip_channels = depthwise ? depthwise_step(g.out_channels, element_size) : source.channels;
  dest.strip_channels = depthwise ? g.out_channels : g.groups * padded_group_dest;
}

// As many rows as fit in a core's cache, and fewer where a small batch would leave threads idle.
void ConvPlan::cut_strips(std::size_t element_size) {
  const ConvGeometry& g = geometry;
  const Span rows(axis_rows), columns(axis_columns);
  strips.first_row = rows.low;
  strips.first_column = columns.low;
  strips.columns = columns.extent(columns.count, to_input ? 1 : g.columns.stride);

  const auto bytes = [&](std::int64_t values) {
    return std::max<std::int64_t>(1, values * static_cast<std::int64_t>(element_size));
  };
  const std::int64_t row_bytes = bytes(strips.columns * source.strip_channels);
  const std::int64_t step_bytes = bytes(dest.row_step * dest.w * dest.strip_channels);
  const std::int64_t span = rows.high - rows.low + 1;
  const std::int64_t dest_bytes = rows.gaps || columns.gaps ? kZeroedStripBytes : kStripBytes;
  strips.steps = std::min((kStripBytes / row_bytes - span) / source.row_step + 1, dest_bytes / step_bytes);
  strips.steps = std::clamp<std::int64_t>(strips.steps, 1, std::max<std::int64_t>(rows.count, 1));
  const std::int64_t taps = g.rows.window * g.columns.window;
  const double image_work = static_cast<double>(dest.h) * static_cast<double>(dest.w * dest.channels) *
                            static_cast<double>(taps * source.group_channels) /
                            (to_input ? static_cast<double>(g.rows.stride * g.columns.stride) : 1);
  if (g.batch > 0 && g.batch < kWantedUnits && image_work > 2.0 * kMinChunkWork) {
    const std::int64_t wanted = ceil_divide(kWantedUnits, g.batch);
    strips.steps = std::min(strips.steps, std::max<std::int64_t>(1, ceil_divide(rows.count, wanted)));
  }
  strips.count = ceil_divide(rows.count, strips.steps);
  strips.rows = rows.extent(strips.steps, source.row_step);
  if (rows.high == rows.low) strips.row_step = source.row_step;
  strips.rows_of_image = rows.low == 0 && rows.extent(rows.count, source.row_step) <= source.h && columns.low == 0 &&
                         strips.columns == source.w && strips.row_step == 1 &&
                         source.strip_channels == source.channels && source.repeat == 1;
  const double unit_work = image_work / static_cast<double>(std::max<std::int64_t>(strips.count, 1));
  units_per_chunk = std::clamp<std::int64_t>(static_cast<std::int64_t>(kMinChunkWork / std::max(unit_work, 1.0)), 1,
                                             std::max<std::int64_t>(1, ceil_divide(units(), 8)));
}

Phase ConvPlan::make_phase(const AxisPhase& rows, const AxisPhase& columns) const {
  Phase phase;
  phase.rows = &rows;
  phase.columns = &columns;
  add_runs(phase);
  find_row_runs(phase);
  find_pixels(phase);
  return phase;
}

// One run per tap, or per row of taps where these lie side by side: the inner loop then counts to S*C instead of C, and a filter with
// few channels is as fast as one with many. Depthwise kernels go through the channels first and need their taps one by one.
void ConvPlan::add_runs(Phase& phase) const {
  for (const AxisPhase::Tap& row : phase.rows->taps) {
    for (const AxisPhase::Tap& column : phase.columns->taps) {
      phase.filter_taps.push_back(row.tap * geometry.columns.window + column.tap);
      const std::int64_t pixel = (row.offset - strips.first_row) * strips.columns + column.offset - strips.first_column;
      const std::int64_t offset = pixel * source.strip_channels;
      const Run* const last = phase.runs.empty() ? nullptr : &phase.runs.back();
      if (!depthwise && last != nullptr && last->source_row == row.offset && last->offset + last->length == offset) {
        phase.runs.back().length += source.group_channels;
      } else {
        phase.runs.push_back({offset, source.group_channels, phase.filter_rows, row.offset});
      }
      phase.filter_rows += source.group_channels;
      for (std::int64_t c = 0; c < source.group_channels; ++c) phase.row_offsets.push_back(offset + c);
    }
  }
}

// Rows of taps above or below the image see nothing but zeros. Leaving them out, as tiles do, saves their products: a third of those of
// the first and last row of pixels under a 3x3 filter.
void ConvPlan::find_row_runs(Phase& phase) const {
  for (std::int64_t t = 0; t < phase.rows->count; ++t) {
    const std::int64_t first_row = t * phase.rows->source_step;
    const auto before = [&](const Run& run) { return first_row + run.source_row < 0; };
    const auto within = [&](const Run& run) { return first_row + run.source_row < source.h; };
    const auto begin = std::find_if_not(phase.runs.begin(), phase.runs.end(), before);
    const auto end = std::find_if_not(begin, phase.runs.end(), within);
    phase.row_runs.push_back(
        {static_cast<std::size_t>(begin - phase.runs.begin()), static_cast<std::size_t>(end - phase.runs.begin())});
  }
}

// By table, so that a tile of pixels may go on from the end of one row to the beginning of the next.
void ConvPlan::find_pixels(Phase& phase) const {
  const AxisPhase &rows = *phase.rows, &columns = *phase.columns;
  for (std::int64_t t = 0; t < std::min(strips.steps, rows.count); ++t) {
    for (std::int64_t u = 0; u < columns.count; ++u) {
      const std::int64_t from = t * rows.source_step * strips.columns + u * columns.source_step;
      const std::int64_t to = (rows.first + t * rows.step) * dest.w + columns.first + u * columns.step;
      phase.source_offsets.push_back(from * source.strip_channels);
      phase.dest_offsets.push_back(to * dest.strip_channels);
    }
  }
}

std::int64_t ConvPlan::dest_rows(std::int64_t index) const {
  return std::min(strips.steps * dest.row_step, dest.h - dest_row(index));
}

std::int64_t ConvPlan::steps(std::int64_t index, const AxisPhase& rows) const {
  return std::clamp<std::int64_t>(rows.count - index * strips.steps, 0, strips.steps);
}

}  // namespace gradus::cpu
