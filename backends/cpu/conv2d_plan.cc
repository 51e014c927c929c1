#include "gradus/backends/cpu/conv2d_plan.h"

#include <algorithm>

namespace gradus::cpu {
namespace {

// A strip should stay in a core's second-level cache beside the filter.
constexpr std::int64_t kStripBytes = 96 << 10;
// A batch smaller than this is split further, so that there is work for every thread.
constexpr std::int64_t kWantedUnits = 16;
// Multiply-adds that are worth handing to another thread.
constexpr std::int64_t kMinChunkWork = 200'000;

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Sorts the taps and drops those that see nothing but padding.
void finish_taps(AxisPhase& phase, std::int64_t source_size) {
  std::erase_if(phase.taps, [&](const AxisPhase::Tap& tap) {
    return tap.offset >= source_size || tap.offset + (phase.count - 1) * phase.source_step < 0;
  });
  std::sort(phase.taps.begin(), phase.taps.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
}

// The smallest and largest tap offset and the largest count over all phases of an axis.
struct Span {
  std::int64_t low = 0, high = 0, count = 0;
  explicit Span(const std::vector<AxisPhase>& phases) {
    bool first = true;
    for (const AxisPhase& phase : phases) {
      count = std::max(count, phase.count);
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

ConvPlan::ConvPlan(const ConvGeometry& g, Kind which, std::size_t element_size, int lanes) : kind(which), geometry(g) {
  const bool forward = kind == Kind::kForward;
  depthwise = g.group_in() == 1 && g.groups > 1;
  axis_rows = forward ? forward_phases(g.rows) : backward_phases(g.rows);
  axis_columns = forward ? forward_phases(g.columns) : backward_phases(g.columns);
  source_h = forward ? g.rows.in : g.rows.out;
  source_w = forward ? g.columns.in : g.columns.out;
  source_channels = forward ? g.channels : g.out_channels;
  dest_h = forward ? g.rows.out : g.rows.in;
  dest_w = forward ? g.columns.out : g.columns.in;
  dest_channels = forward ? g.out_channels : g.channels;
  group_source = forward ? g.group_in() : g.group_out();
  group_dest = forward ? g.group_out() : g.group_in();
  source_row_step = forward ? g.rows.stride : 1;
  dest_row_step = forward ? 1 : g.rows.stride;
  padded_group_dest = ceil_divide(group_dest, lanes) * lanes;
  strip_channels = source_channels;
  dest_strip_channels = g.groups * padded_group_dest;
  if (depthwise) {
    source_repeat = forward ? g.group_out() : 1;
    dest_repeat = forward ? 1 : g.group_out();
    strip_channels = dest_strip_channels = g.out_channels;
  }

  const Span rows(axis_rows), columns(axis_columns);
  const std::int64_t source_column_step = forward ? g.columns.stride : 1;
  first_source_row = rows.low;
  first_source_column = columns.low;
  strip_columns = columns.extent(columns.count, source_column_step);

  // Rows per strip: by cache, and fewer where a small batch would leave threads idle.
  const std::int64_t row_bytes =
      std::max<std::int64_t>(1, strip_columns * strip_channels * static_cast<std::int64_t>(element_size));
  const std::int64_t span = rows.high - rows.low + 1;
  rows_per_strip = std::clamp<std::int64_t>((kStripBytes / row_bytes - span) / source_row_step + 1, 1,
                                            std::max<std::int64_t>(rows.count, 1));
  const std::int64_t taps = g.rows.window * g.columns.window;
  const double image_work = static_cast<double>(dest_h) * static_cast<double>(dest_w * dest_channels) *
                            static_cast<double>(taps * group_source) /
                            (forward ? 1 : static_cast<double>(g.rows.stride * g.columns.stride));
  if (g.batch > 0 && g.batch < kWantedUnits && image_work > 2.0 * kMinChunkWork) {
    const std::int64_t wanted = ceil_divide(kWantedUnits, g.batch);
    rows_per_strip = std::min(rows_per_strip, std::max<std::int64_t>(1, ceil_divide(rows.count, wanted)));
  }
  strips = ceil_divide(rows.count, rows_per_strip);
  strip_rows = rows.extent(rows_per_strip, source_row_step);
  const double unit_work = image_work / static_cast<double>(std::max<std::int64_t>(strips, 1));
  units_per_chunk = std::clamp<std::int64_t>(static_cast<std::int64_t>(kMinChunkWork / std::max(unit_work, 1.0)), 1,
                                             std::max<std::int64_t>(1, ceil_divide(units(), 8)));

  for (const AxisPhase& r : axis_rows) {
    for (const AxisPhase& c : axis_columns) {
      Phase phase{.rows = &r,
                  .columns = &c,
                  .runs = {},
                  .row_runs = {},
                  .filter_taps = {},
                  .source_offsets = {},
                  .dest_offsets = {}};
      for (const AxisPhase::Tap& tap_r : r.taps) {
        for (const AxisPhase::Tap& tap_c : c.taps) {
          phase.filter_taps.push_back(tap_r.tap * g.columns.window + tap_c.tap);
          const std::int64_t offset =
              ((tap_r.offset - rows.low) * strip_columns + tap_c.offset - columns.low) * strip_channels;
          const bool joins = !phase.runs.empty() && phase.runs.back().source_row == tap_r.offset &&
                             phase.runs.back().offset + phase.runs.back().length == offset;
          if (joins && !depthwise) {
            phase.runs.back().length += group_source;
          } else {
            phase.runs.push_back({offset, group_source, phase.filter_rows, tap_r.offset});
          }
          phase.filter_rows += group_source;
        }
      }
      for (std::int64_t t = 0; t < r.count; ++t) {
        const std::int64_t first_row = t * r.source_step;
        const auto before = [&](const Run& run) { return first_row + run.source_row < 0; };
        const auto within = [&](const Run& run) { return first_row + run.source_row < source_h; };
        const auto begin = std::find_if_not(phase.runs.begin(), phase.runs.end(), before);
        const auto end = std::find_if_not(begin, phase.runs.end(), within);
        phase.row_runs.push_back(
            {static_cast<std::size_t>(begin - phase.runs.begin()), static_cast<std::size_t>(end - phase.runs.begin())});
      }
      for (std::int64_t t = 0; t < std::min(rows_per_strip, r.count); ++t) {
        for (std::int64_t u = 0; u < c.count; ++u) {
          phase.source_offsets.push_back((t * r.source_step * strip_columns + u * c.source_step) * strip_channels);
          phase.dest_offsets.push_back(((r.first + t * r.step) * dest_w + c.first + u * c.step) * dest_strip_channels);
        }
      }
      phase.packed_begin = packed_values;
      packed_values += depthwise ? static_cast<std::int64_t>(phase.filter_taps.size()) * strip_channels
                                 : phase.filter_rows * g.groups * padded_group_dest;
      phases.push_back(std::move(phase));
    }
  }
}

std::int64_t ConvPlan::dest_rows(std::int64_t index) const {
  return std::min(rows_per_strip * dest_row_step, dest_h - dest_row(index));
}

std::int64_t ConvPlan::steps(std::int64_t index, const AxisPhase& rows) const {
  return std::clamp<std::int64_t>(rows.count - index * rows_per_strip, 0, rows_per_strip);
}

}  // namespace gradus::cpu
