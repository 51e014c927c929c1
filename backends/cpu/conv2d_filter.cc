// Conv2DBackpropFilter on the CPU. Some consecutive rows of the filter (values of a run) times one or two vectors of
// output channels are summed up in registers over all pixels of a strip. The strips are divided into a fixed number of
// parts, each with a sum of its own, which are added in order at the end: the bits do not depend on the number of
// threads, and long sums are more precise.
#include <array>
#include <utility>

#include "gradus/backends/cpu/conv2d_strips.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kMaxFilterParts = 16;
constexpr std::int64_t kPartsBytes = 8 << 20;  // memory for the parts' sums

// The pixels of a strip: rows x columns, with the distances between neighbours in both strips.
struct PixelGrid {
  std::int64_t rows, columns;
  std::int64_t source_row, source_column, dest_row, dest_column;
};

// result[m][lane] += sum over the pixels of source[m] * dest[lane]: [values, pixels] x [pixels, vectors * lanes]. With
// few values there would be too few sums in flight to keep the multipliers busy: then even and odd pixels have sums of
// their own.
template <class T, int values, int vectors>
[[gnu::noinline]] void sum_pixels(const T* source, const T* dest, const PixelGrid& grid, T* result,
                                  std::int64_t result_step) {
  constexpr int lanes = kLanes<T>;
  constexpr int copies = values * vectors <= 5 ? 2 : 1;
  Vector<T> sums[copies][values][vectors] = {};
  const auto add_pixel = [&](int copy, const T* x, const T* y) {
    Vector<T> gradient[vectors];
    for (int v = 0; v < vectors; ++v) gradient[v] = load(y + v * lanes);
    for (int m = 0; m < values; ++m)
      for (int v = 0; v < vectors; ++v) sums[copy][m][v] += x[m] * gradient[v];
  };
  for (std::int64_t i = 0; i < grid.rows; ++i) {
    const T* x = source + i * grid.source_row;
    const T* y = dest + i * grid.dest_row;
    std::int64_t j = 0;
    for (; j + copies <= grid.columns; j += copies, x += copies * grid.source_column, y += copies * grid.dest_column) {
      add_pixel(0, x, y);
      if constexpr (copies == 2) add_pixel(1, x + grid.source_column, y + grid.dest_column);
    }
    if (j < grid.columns) add_pixel(0, x, y);
  }
  for (int m = 0; m < values; ++m) {
    for (int v = 0; v < vectors; ++v) {
      Vector<T> sum = sums[0][m][v];
      if constexpr (copies == 2) sum += sums[1][m][v];
      T* const to = result + m * result_step + v * lanes;
      store(to, load(to) + sum);
    }
  }
}

// The instance for each number of values, 1 to the largest.
template <class T, int vectors>
struct Tiles {
  static constexpr int kMaxValues = kVectorRegisters == 32 ? (vectors == 2 ? 12 : 16) : (vectors == 2 ? 6 : 12);
  using Function = void (*)(const T*, const T*, const PixelGrid&, T*, std::int64_t);
  template <int... n>
  static constexpr std::array<Function, sizeof...(n)> make(std::integer_sequence<int, n...>) {
    return {sum_pixels<T, n + 1, vectors>...};
  }
  static constexpr auto kFunctions = make(std::make_integer_sequence<int, kMaxValues>());
};

template <class S>
class FilterKernel final : public StripKernel<S> {
  using Base = StripKernel<S>;
  using Base::kLane, Base::plan_, Base::strip_space;
  using typename Base::Strip, typename Base::T;

 public:
  explicit FilterKernel(const ConvGeometry& g) : Base(g, ConvDirection::kBackpropFilter, kLanes<T>) {
    sum_values_ = plan_.packed_values;
    const std::int64_t most = std::clamp<std::int64_t>(
        kPartsBytes / (1 + sum_values_ * static_cast<std::int64_t>(sizeof(T))), 2, kMaxFilterParts);
    const std::int64_t wanted = std::min(most, ceil_divide(plan_.units(), plan_.units_per_chunk));
    units_per_part_ = ceil_divide(plan_.units(), std::max<std::int64_t>(wanted, 1));
    parts_ = ceil_divide(plan_.units(), std::max<std::int64_t>(units_per_part_, 1));
    Base::reserve(sum_values_ * parts_, strip_space() + plan_.dest_strip_values());
  }

  void run(KernelContext& c) override {
    const S* const source = c.input(0).template data<S>();
    const S* const dest = c.input(2).template data<S>();
    T* const sums = Base::shared_scratch(c);
    Base::for_strips(c, units_per_part_, [&](const Strip& strip) {
      T* const part = sums + strip.unit / units_per_part_ * sum_values_;
      if (strip.unit % units_per_part_ == 0) std::fill(part, part + sum_values_, T(0));
      Base::pack_source(source, strip);
      pack_gradient(dest + strip.image * plan_.dest.image_values(), strip);
      add_strip(strip, part);
    });
    add_parts(c, sums);
    write_filter(sums, c.output(0).template data<S>());
  }

 private:
  // out_backprop's strip lies behind the source's.
  T* gradient_of(const Strip& strip) const { return strip.memory + strip_space(); }

  void add_strip(const Strip& strip, T* part) const {
    const ConvGeometry& g = plan_.geometry;
    const Phase& phase = plan_.phases[0];
    const PixelGrid grid{plan_.dest_rows(strip.index),
                         plan_.dest.w,
                         plan_.source.row_step * plan_.strips.columns * plan_.source.strip_channels,
                         phase.columns->source_step * plan_.source.strip_channels,
                         plan_.dest.w * plan_.dest.strip_channels,
                         plan_.dest.strip_channels};
    for (std::int64_t group = 0; group < g.groups; ++group) {
      for (std::int64_t column = 0; column < plan_.padded_group_dest;) {
        const bool two = plan_.padded_group_dest - column >= 2 * kLane;
        for (const Run& run : phase.runs) {
          // Only the rows where the run lies inside the image.
          const std::int64_t first = plan_.source.row_step * strip.index * plan_.strips.steps + run.source_row;
          std::int64_t begin = 0, end = grid.rows;
          while (begin < end && first + begin * plan_.source.row_step < 0) ++begin;
          while (begin < end && first + (end - 1) * plan_.source.row_step >= plan_.source.h) --end;
          if (begin == end) continue;
          PixelGrid inside = grid;
          inside.rows = end - begin;
          const T* x = strip.memory + group * plan_.source.group_channels + run.offset + begin * grid.source_row;
          const T* y = gradient_of(strip) + group * plan_.padded_group_dest + column + begin * grid.dest_row;
          T* result = part + (group * phase.filter_rows + run.row) * plan_.padded_group_dest + column;
          two ? add_run<2>(x, y, inside, run.length, result) : add_run<1>(x, y, inside, run.length, result);
        }
        column += two ? 2 * kLane : kLane;
      }
    }
  }

  // A run in blocks of nearly equal size.
  template <int vectors>
  void add_run(const T* x, const T* y, const PixelGrid& grid, std::int64_t length, T* result) const {
    const std::int64_t blocks = (length + Tiles<T, vectors>::kMaxValues - 1) / Tiles<T, vectors>::kMaxValues;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t begin = length * b / blocks, end = length * (b + 1) / blocks;
      Tiles<T, vectors>::kFunctions[static_cast<std::size_t>(end - begin - 1)](
          x + begin, y, grid, result + begin * plan_.padded_group_dest, plan_.padded_group_dest);
    }
  }

  // out_backprop's strip as [pixels][groups][padded_group_dest]
  void pack_gradient(const S* image, const Strip& strip) const {
    const ConvPlan::Side& side = plan_.dest;
    T* const gradient = gradient_of(strip);
    const std::int64_t pixels = plan_.dest_rows(strip.index) * side.w, first = plan_.dest_row(strip.index) * side.w;
    const bool nhwc = plan_.geometry.data_format == DataFormat::kNHWC;
    if (nhwc && side.strip_channels == side.channels) {
      const S* from = image + first * side.channels;
      for (std::int64_t i = 0; i < pixels * side.channels; ++i) gradient[i] = static_cast<T>(from[i]);
      return;
    }
    if (plan_.padded_group_dest != side.group_channels)
      std::fill(gradient, gradient + pixels * side.strip_channels, T(0));
    const std::int64_t pixel_step = nhwc ? side.channels : 1, channel_step = nhwc ? 1 : side.h * side.w;
    const std::int64_t strip_step = side.strip_channels;
    for (std::int64_t k = 0; k < side.channels; ++k) {
      const S* from = image + first * pixel_step + k * channel_step;
      T* to = gradient + k / side.group_channels * plan_.padded_group_dest + k % side.group_channels;
      for (std::int64_t p = 0; p < pixels; ++p) to[p * strip_step] = static_cast<T>(from[p * pixel_step]);
    }
  }

  // Into the first part, in order.
  void add_parts(KernelContext& c, T* sums) const {
    c.parallel_for(sum_values_, kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = 1; part < parts_; ++part) {
        const T* from = sums + part * sum_values_;
        for (std::int64_t i = begin; i < end; ++i) sums[i] += from[i];
      }
    });
  }

  // Taps that only saw padding have no row in the sums: their gradient is 0.
  void write_filter(const T* sums, S* filter) const {
    const ConvGeometry& g = plan_.geometry;
    const Phase& phase = plan_.phases[0];
    const std::int64_t taps = g.rows.window * g.columns.window;
    if (static_cast<std::int64_t>(phase.filter_taps.size()) < taps || parts_ == 0) {
      std::fill(filter, filter + taps * g.group_in() * g.out_channels, S(0.0f));
    }
    if (parts_ == 0) return;
    for (std::int64_t group = 0; group < g.groups; ++group) {
      const T* from = sums + group * phase.filter_rows * plan_.padded_group_dest;
      for (const std::int64_t tap : phase.filter_taps) {
        for (std::int64_t c = 0; c < g.group_in(); ++c, from += plan_.padded_group_dest) {
          S* to = filter + (tap * g.group_in() + c) * g.out_channels + group * g.group_out();
          for (std::int64_t k = 0; k < g.group_out(); ++k) to[k] = static_cast<S>(from[k]);
        }
      }
    }
  }

  std::int64_t sum_values_ = 0;  // of one part: [groups][filter_rows][padded_group_dest]
  std::int64_t parts_ = 0, units_per_part_ = 1;
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_conv2d_filter(const ConvGeometry& geometry) {
  return std::make_unique<FilterKernel<S>>(geometry);
}
template std::unique_ptr<ConvKernel> make_conv2d_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_conv2d_filter<BFloat16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_conv2d_filter<float>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_conv2d_filter<double>(const ConvGeometry&);

}  // namespace gradus::cpu
