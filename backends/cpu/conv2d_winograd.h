// What Winograd's convolutions have in common: where the tiles lie, and how pieces of images come to the points. winograd.h tells
// what is computed along one axis; here it is done along both and for whole vectors of channels.
//
// An image is covered with tiles of m x m destination pixels, and each needs 6 x 6 pixels of the source; with a dilation of d a tile's
// pixels lie d apart. The rows of tiles of all images are numbered and taken in blocks, whose intermediate values take 1 MiB or little more. What is left to do for a block
// is, for each of the 36 points, a product of small matrices: [tiles, channels] with the filter's [channels, channels] at that point.
#pragma once

#include "gradus/backends/cpu/conv2d_kernel.h"
#include "gradus/backends/cpu/conv2d_pack.h"
#include "gradus/backends/cpu/conv2d_tiles.h"
#include "gradus/backends/cpu/conv2d_winograd_tiles.h"
#include "gradus/backends/cpu/prefetch.h"

namespace gradus::cpu::winograd {

inline constexpr int kLane = kLanes<float>;
inline constexpr int kSquare = kPoints * kPoints;
// Floats behind the last of a piece of scratch memory that whole vectors may touch.
inline constexpr std::int64_t kSurplus = 64;

struct Side {
  std::int64_t h = 0, w = 0, channels = 0;
  std::int64_t padded = 0;  // channels, rounded up to whole vectors
  std::int64_t image_values() const { return h * w * channels; }
};

// Where the tiles lie. `to_input`: Conv2DBackpropInput, which is the forward computation on out_backprop with the filter turned by half
// a turn and its two kinds of channels changing places.
struct Tiling {
  Tiling(const ConvGeometry& g, bool to_input);

  DataFormat format;
  Side source, dest;
  TileAxis row_axis, column_axis;
  std::int64_t tile_rows, tile_columns;  // of an image
  std::int64_t rows;                     // of tiles, of all images
  std::int64_t block_rows, blocks;       // rows of tiles of a block, and how many blocks

  std::int64_t rows_of(std::int64_t number) const { return std::min(block_rows, rows - number * block_rows); }
  // The rows of pixels of block `number` that no block before it has read, as one range; nothing of NCHW tensors, of rows that a dilation
  // takes apart, and behind the last block.
  template <class S>
  MemoryRange source_of(const S* tensor, std::int64_t number) const {
    const auto [begin, end] = new_values(number, source, kPoints - row_axis.outputs - row_axis.pad);
    return {tensor + begin, tensor + end};
  }
  template <class S>
  MemoryRange dest_of(const S* tensor, std::int64_t number) const {
    const auto [begin, end] = new_values(number, dest, 0);
    return {tensor + begin, tensor + end};
  }
  // From the values of one point to those of the next in a block's memory. The lane more makes it seldom a multiple of a large power
  // of two, which would put all 36 into few sets of the first-level cache.
  std::int64_t point_step(const Side& side) const {
    return (block_rows * tile_columns + kTilePixels<1>)*side.padded + kLane;  // tiles of registers are whole
  }
  std::int64_t block_values(const Side& side) const { return kSquare * point_step(side) + kSurplus; }
  // A row of tiles with what lies around it, or one tile of the destination.
  std::int64_t strip_values() const {
    return kPoints * column_axis.extent(kPoints) * std::max(source.padded, dest.padded) + kSurplus;
  }

 private:
  // `offset`: from a tile's first row of the destination to the first that is new.
  std::pair<std::int64_t, std::int64_t> new_values(std::int64_t number, const Side& side, std::int64_t offset) const;
};

// Sums at the points mix all pixels of a tile, so that one value that is not finite spoils its neighbours, and very large ones overflow
// where the definition's sums do not. Then the direct kernel computes everything once more: what is finite by the definition, and which
// results are infinite and which NaN, does not depend on the algorithm, but for results within rounding of the largest number. This
// finds out: NaN in `sum` after a value that is not finite.
class FiniteCheck {
 public:
  [[gnu::always_inline]] void add(const Vector<float>& v) { sum_ += 0.0f * v; }
  bool all_finite() const {
    float lanes[kLane];
    store(lanes, sum_);
    return std::all_of(lanes, lanes + kLane, [](float lane) { return lane == 0.0f; });
  }

 private:
  Vector<float> sum_ = {};
};

// n x n pixels, all channels of them, brought to the points by f along both axes, columns first: to[point][channel]. What f takes and
// gives stays in registers; the 6 x n values between the axes do not fit.
template <int n, class F>
[[gnu::noinline]] void to_points(const float* pixels, std::int64_t row_step, std::int64_t pixel_step,
                                 std::int64_t channels, float* to, std::int64_t point_step, F f) {
  for (std::int64_t c = 0; c < channels; c += kLane, pixels += kLane, to += kLane) {
    Vector<float> half[kPoints][n];
    for (int j = 0; j < n; ++j) {
      Vector<float> column[n], at[kPoints];
      unrolled<n>([&](auto i) GRADUS_INLINE { column[i] = load(pixels + i * row_step + j * pixel_step); });
      f(column, at);
      unrolled<kPoints>([&](auto i) GRADUS_INLINE { half[i][j] = at[i]; });
    }
    for (int i = 0; i < kPoints; ++i) {
      Vector<float> at[kPoints];
      f(half[i], at);
      unrolled<kPoints>([&](auto j) GRADUS_INLINE { store(to + (i * kPoints + j) * point_step, at[j]); });
    }
  }
}

// The way back, for one vector of channels: from[point] by f to m x m pixels.
template <int m, class F, class Store>
[[gnu::always_inline]] inline void from_points(const float* from, std::int64_t point_step, F f, Store&& store_pixel) {
  Vector<float> half[m][kPoints];
  for (int j = 0; j < kPoints; ++j) {
    Vector<float> at[kPoints], column[m];
    unrolled<kPoints>([&](auto i) GRADUS_INLINE { at[i] = load(from + (i * kPoints + j) * point_step); });
    f(at, column);
    unrolled<m>([&](auto i) GRADUS_INLINE { half[i][j] = column[i]; });
  }
  for (int i = 0; i < m; ++i) {
    Vector<float> row[m];
    f(half[i], row);
    unrolled<m>([&](auto j) GRADUS_INLINE { store_pixel(i, j, row[j]); });
  }
}

// The pieces of n x n pixels of all tiles in `rows` rows of tiles from `first` on, (offset_rows, offset_columns) from their first
// destination pixels, brought to the points: to[point][tile][channel]. Each row's pixels are copied to `strip`, with zeros around the
// image, unless they can be read in place. Calls memory_ahead.next() once per tile.
template <int n, class S, class F>
void pieces_to_points(const Tiling& t, const Side& side, const S* images, std::int64_t offset_rows,
                      std::int64_t offset_columns, std::int64_t first, std::int64_t rows, float* strip, float* to,
                      SpreadPrefetch& memory_ahead, F f) {
  const TileAxis &row_axis = t.row_axis, &column_axis = t.column_axis;
  const std::int64_t step = t.point_step(side), width = column_axis.extent(n), last = (n - 1) * row_axis.dilation;
  for (std::int64_t r = first; r < first + rows; ++r) {
    const S* const image = images + r / t.tile_rows * side.image_values();
    const std::int64_t row = row_axis.first(r % t.tile_rows) + offset_rows;
    const float* pixels = strip;
    std::int64_t row_step = width * side.channels;
    bool in_place = false;
    if constexpr (std::is_same_v<S, float>) {
      in_place = t.format == DataFormat::kNHWC && side.padded == side.channels && row >= 0 && row + last < side.h &&
                 offset_columns >= 0 && offset_columns + width <= side.w;
      if (in_place) {
        pixels = image + (row * side.w + offset_columns) * side.channels;
        row_step = row_axis.dilation * side.w * side.channels;
      }
    }
    if (!in_place) {
      for (std::int64_t i = 0; i < n; ++i) {
        pack_strip(image, t.format, side.h, side.w, side.channels, 1,
                   {row + i * row_axis.dilation, offset_columns, 1, width}, side.channels, strip + i * row_step);
      }
      store(strip + n * row_step, Vector<float>{});  // what the last vector reads of channels that do not exist
    }
    for (std::int64_t j = 0; j < t.tile_columns; ++j, to += side.padded) {
      memory_ahead.next();
      to_points<n>(pixels + column_axis.first(j) * side.channels, row_step, column_axis.dilation * side.channels,
                   side.channels, to, step, f);
    }
  }
}

}  // namespace gradus::cpu::winograd
