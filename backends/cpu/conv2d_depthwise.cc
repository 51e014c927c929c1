// Depthwise convolutions on the CPU: one input channel per group, so that the products along the channels are plain vector products. Each
// row of pixels is computed in tiles. Where the source is copied, a strip has as many channels as the convolution's output: with a
// multiplier, each image channel is repeated in it, and for the image's gradient the repeated channels are added up when the strip is written.
#include "gradus/backends/cpu/conv2d_depthwise.h"
#include "gradus/backends/cpu/conv2d_image_parts.h"
#include "gradus/backends/cpu/conv2d_tiles.h"

namespace gradus::cpu {
namespace {

// Pixels that are summed up together: each vector of the filter is fetched once for all of them. With AVX-512 the sums of 12 fit into
// registers, but not their addresses into x86's 16, and fetching those took longer than the products.
#ifdef __AVX512F__
constexpr int kPixels = 6;
#else
constexpr int kPixels = kTilePixels<2>;
#endif

// Taps at equal distances in both directions: values of the source, and of the filter's rows, from one to the next.
struct Taps {
  std::size_t rows, columns;
  std::int64_t row_step, step, filter_row;
};

// dest[m * dest_step + lane] = sum over the taps of source[m * source_step + tap + lane] * filter[tap][lane], for `pixels` pixels and a block
// of `vectors` times V, a vector or a single value.
template <class V, class T, int pixels, int vectors>
void sum_pixels_of_row(const T* source, std::int64_t source_step, const Taps& taps, const T* filter, T* dest,
                       std::int64_t dest_step) {
  constexpr int lanes = sizeof(V) / sizeof(T);
  V sums[pixels][vectors] = {};
  for (std::size_t r = 0; r < taps.rows; ++r, source += taps.row_step, filter += taps.filter_row) {
    const T *x = source, *w = filter;
    for (std::size_t s = 0; s < taps.columns; ++s, x += taps.step, w += vectors * lanes) {
      V weights[vectors];
      unrolled<vectors>([&](auto v) GRADUS_INLINE { weights[v] = load_as<V>(w + v * lanes); });
      unrolled<pixels>([&](auto m) GRADUS_INLINE {
        unrolled<vectors>(
            [&](auto v) GRADUS_INLINE { sums[m][v] += load_as<V>(x + m * source_step + v * lanes) * weights[v]; });
      });
    }
  }
  unrolled<pixels>([&](auto m) GRADUS_INLINE {
    unrolled<vectors>([&](auto v)
                          GRADUS_INLINE { std::memcpy(dest + m * dest_step + v * lanes, &sums[m][v], sizeof(V)); });
  });
}

// `count` pixels of a row, in tiles: the last one begins earlier where it would be cut off, and computes some once more.
template <class V, class T, int vectors, int pixels>
void sum_row(const T* source, std::int64_t source_step, const Taps& taps, const T* filter, T* dest,
             std::int64_t dest_step, std::int64_t count) {
  if constexpr (pixels > 1) {
    if (count < pixels)
      return sum_row<V, T, vectors, pixels / 2>(source, source_step, taps, filter, dest, dest_step, count);
  }
  for (std::int64_t p = 0; p < count; p += pixels) {
    const std::int64_t first = std::min(p, count - pixels);
    sum_pixels_of_row<V, T, pixels, vectors>(source + first * source_step, source_step, taps, filter,
                                             dest + first * dest_step, dest_step);
  }
}

template <class S>
class DepthwiseImage final : public ImageKernel<S> {
  using Base = ImageKernel<S>;
  using Base::plan_;
  using typename Base::Strip, typename Base::T;
  static constexpr std::int64_t kLane = kLanes<T>;

 public:
  DepthwiseImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, 1) {
    if (is_read_in_place<S, T>(plan_)) Base::read_in_place();
    Base::reserve(plan_.packed_values);
  }

 private:
  // f(c, block) for the channels c, c + 1, ... of each block: two vectors, one, or single channels.
  template <class F>
  void for_blocks(F&& f) const {
    const std::int64_t channels = plan_.geometry.out_channels;
    std::int64_t c = 0;
    for (; c + 2 * kLane <= channels; c += 2 * kLane) f(c, std::integral_constant<std::int64_t, 2 * kLane>());
    for (; c + kLane <= channels; c += kLane) f(c, std::integral_constant<std::int64_t, kLane>());
    for (; c < channels; ++c) f(c, std::integral_constant<std::int64_t, 1>());
  }

  // Block by block, [taps][channels of the block].
  void pack_filter(KernelContext& /*c*/, const S* filter, T* packed) const override {
    for (const Phase& phase : plan_.phases) {
      T* to = packed + phase.packed_begin;
      for_blocks([&](std::int64_t c, auto block) {
        for (const std::int64_t tap : phase.filter_taps)
          for (std::int64_t k = c; k < c + block; ++k)
            *to++ = static_cast<T>(filter[tap * plan_.geometry.out_channels + k]);
      });
    }
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    const auto source = source_pixels<S, T>(plan_, strip.source, strip.memory, strip.index);
    const AxisPhase &rows = *phase.rows, &columns = *phase.columns;
    const std::int64_t begin = strip.index * plan_.strips.steps, end = begin + plan_.steps(strip.index, rows);
    // Rows above and below the image are left out, of copies too.
    for_equal_taps(rows, begin, end, plan_.source.h, false, [&](const EqualTaps& row) {
      for (std::int64_t step = row.begin; step < row.end; ++step) {
        T* const dest = sums + (rows.first + (step - begin) * rows.step) * plan_.dest.w * plan_.dest.strip_channels;
        for_equal_taps(columns, 0, columns.count, plan_.source.w, !source.in_place, [&](const EqualTaps& column) {
          sum_part(source, phase, step, row, column, packed + phase.packed_begin, dest);
        });
      }
    });
  }

  // dest: of the row.
  void sum_part(const SourcePixels<T>& source, const Phase& phase, std::int64_t step, const EqualTaps& row,
                const EqualTaps& column, const T* packed, T* dest) const {
    const AxisPhase &rows = *phase.rows, &columns = *phase.columns;
    const std::size_t first_tap = row.first * columns.taps.size() + column.first;
    const bool any = row.first < row.last && column.first < column.last;  // otherwise the sums are 0
    const T* const from = any ? source.at(step * rows.source_step + rows.taps[row.first].offset,
                                          column.begin * columns.source_step + columns.taps[column.first].offset)
                              : source.values;
    T* const to = dest + (columns.first + column.begin * columns.step) * plan_.dest.strip_channels;
    Taps taps{any ? row.last - row.first : 0, column.last - column.first, tap_distance(rows) * source.row_step,
              tap_distance(columns) * source.pixel_step, 0};
    const std::int64_t source_step = columns.source_step * source.pixel_step,
                       dest_step = columns.step * plan_.dest.strip_channels;
    // A tile goes through all channels before the next does: whole pixels come from memory one after the other. (All tiles of a block of
    // channels at a time took 1.15 times as long.)
    const std::int64_t count = column.end - column.begin;
    for (std::int64_t p = 0, tile = 0; p < count; p += tile) {
      tile = count - p < 2 * kPixels ? count - p : kPixels;
      for_blocks([&](std::int64_t c, auto block) {
        using V = std::conditional_t<block == 1, T, Vector<T>>;
        constexpr int vectors = block == 2 * kLane ? 2 : 1, pixels = block == 1 ? kPixels / 2 : kPixels;
        taps.filter_row = static_cast<std::int64_t>(columns.taps.size()) * block;
        sum_row<V, T, vectors, pixels>(from + p * source_step + c, source_step, taps,
                                       packed + c * static_cast<std::int64_t>(phase.filter_taps.size()) +
                                           static_cast<std::int64_t>(first_tap) * block,
                                       to + p * dest_step + c, dest_step, tile);
      });
    }
  }
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_depthwise_image(const ConvGeometry& geometry, ConvDirection direction) {
  return std::make_unique<DepthwiseImage<S>>(geometry, direction);
}
template std::unique_ptr<ConvKernel> make_depthwise_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<double>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
