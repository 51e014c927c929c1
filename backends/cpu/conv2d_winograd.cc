// Conv2D and Conv2DBackpropInput by Winograd's minimal filtering: pieces of the source and the filter are brought to the points,
// multiplied there by the register tiles of the direct kernels, and the sums brought back as tiles of the destination. Each tile is
// computed by one thread in one order, so the bits do not depend on the number of threads.
#include <atomic>

#include "gradus/backends/cpu/conv2d_winograd.h"

namespace gradus::cpu {
namespace winograd {

Tiling::Tiling(const ConvGeometry& g, bool to_input)
    : format(g.data_format), row_axis(g.rows, to_input), column_axis(g.columns, to_input) {
  const auto side = [](std::int64_t h, std::int64_t w, std::int64_t channels) {
    return Side{h, w, channels, round_up(channels, kLane)};
  };
  const Side image = side(g.rows.in, g.columns.in, g.channels),
             result = side(g.rows.out, g.columns.out, g.out_channels);
  source = to_input ? result : image;
  dest = to_input ? image : result;
  tile_rows = row_axis.tiles();
  tile_columns = column_axis.tiles();
  rows = g.batch * tile_rows;
  // The more tiles in a block, the less often the filter is read; the fewer, the nearer a block's values are. (Measured for 16 to 128
  // channels, with AVX2, on a second-level cache of half that size.) A small batch is divided further, so that there is work for every
  // thread.
  constexpr std::int64_t kMostTiles = 80, kMostFloats = 256 << 10;
  const std::int64_t tiles = std::min(kMostTiles, kMostFloats / (kSquare * (source.padded + dest.padded)));
  block_rows = std::max<std::int64_t>(std::min(tiles / tile_columns, rows / 8), 1);
  blocks = ceil_divide(rows, block_rows);
}

std::pair<std::int64_t, std::int64_t> Tiling::new_values(std::int64_t number, const Side& side,
                                                         std::int64_t offset) const {
  if (format != DataFormat::kNHWC || row_axis.dilation != 1 || number >= blocks) return {0, 0};
  const auto begin = [&](std::int64_t row) {
    const std::int64_t tile = row % tile_rows;
    const std::int64_t y = tile == 0 ? 0 : std::clamp<std::int64_t>(row_axis.first(tile) + offset, 0, side.h);
    return (row / tile_rows * side.h + y) * side.w * side.channels;
  };
  return {begin(number * block_rows), begin(number * block_rows + rows_of(number))};
}

}  // namespace winograd

namespace {

using namespace winograd;

template <class S, int taps>
class WinogradImage final : public ConvKernel {
  static constexpr int kOutputs = kPoints + 1 - taps;

 public:
  WinogradImage(const ConvGeometry& g, ConvDirection direction)
      : direct_(make_conv2d_image<S>(g, direction)),
        to_input_(direction == ConvDirection::kBackpropInput),
        tiling_(g, to_input_),
        filter_values_(kSquare * tiling_.source.channels * tiling_.dest.padded + kSurplus),
        sums_begin_(tiling_.block_values(tiling_.source)),
        strip_begin_(sums_begin_ + tiling_.block_values(tiling_.dest)),
        worker_values_(round_up(strip_begin_ + tiling_.strip_values(), kLane) + kLane) {}

  std::size_t scratch_bytes(int workers) const override {
    return std::max(static_cast<std::size_t>(filter_values_ + workers * worker_values_) * sizeof(float),
                    direct_->scratch_bytes(workers));
  }

  void run(KernelContext& c, const ConvEpilogue* epilogue) override {
    const S* const source = c.input(to_input_ ? 2 : 0).template data<S>();
    S* const dest = c.output(0).template data<S>();
    float* const filter = c.scratch<float>();
    filter_to_points(c, c.input(1).template data<S>(), filter);
    std::atomic<bool> all_finite = true;
    // Of many blocks a few to a chunk: a thread mostly goes on with the block whose pixels it has asked for.
    const std::int64_t chunk = std::clamp<std::int64_t>(tiling_.blocks / 32, 1, 4);
    c.parallel_for_worker(tiling_.blocks, chunk, [&](std::int64_t begin, std::int64_t end, int worker) {
      float* const memory = filter + filter_values_ + worker * worker_values_;
      FiniteCheck check;
      for (std::int64_t number = begin; number < end; ++number) {
        run_block(number, source, filter, dest, memory, check);
        if (epilogue != nullptr) finish_block(number, *epilogue);
      }
      if (!check.all_finite()) all_finite = false;
    });
    if (!all_finite) direct_->run(c, epilogue);
  }

 private:
  // [point][panel][source channel][channel of the panel]
  void filter_to_points(KernelContext& c, const S* filter, float* to) const {
    const std::int64_t sources = tiling_.source.channels, dests = tiling_.dest.channels;
    const std::int64_t source_step = to_input_ ? 1 : dests, dest_step = to_input_ ? sources : 1;
    const std::int64_t point_step = sources * tiling_.dest.padded;
    c.parallel_for(sources, items_per_chunk(dests * kSquare), [&](std::int64_t begin, std::int64_t end) {
      float taps_of_panel[taps * taps][2 * kLane];
      for_each_panel<float>(tiling_.dest.padded, [&](std::int64_t column, int vectors) {
        const std::int64_t width = vectors * kLane, channels = std::min(width, dests - column);
        for (std::int64_t row = begin; row < end; ++row) {
          for (int tap = 0; tap < taps * taps; ++tap) {
            const int turned = to_input_ ? taps * taps - 1 - tap : tap;
            const S* from = filter + turned * sources * dests + row * source_step + column * dest_step;
            for (std::int64_t k = 0; k < channels; ++k) taps_of_panel[tap][k] = static_cast<float>(from[k * dest_step]);
            std::fill(taps_of_panel[tap] + channels, taps_of_panel[tap] + width, 0.0f);
          }
          for (int v = 0; v < vectors; ++v) {
            vector_to_points(taps_of_panel[0] + v * kLane, to + column * sources + row * width + v * kLane, point_step);
          }
        }
      });
    });
  }
  [[gnu::noinline]] static void vector_to_points(const float* from, float* to, std::int64_t point_step) {
    to_points<taps>(from, taps * 2 * kLane, 2 * kLane, kLane, to, point_step, [](const auto& w, auto& at) {
      evaluate<taps>(w, at);
      scale(at);
    });
  }

  void run_block(std::int64_t number, const S* source, const float* filter, S* dest, float* memory,
                 FiniteCheck& check) const {
    const std::int64_t first = number * tiling_.block_rows, rows = tiling_.rows_of(number);
    float *const pieces = memory, *const sums = memory + sums_begin_, *const strip = memory + strip_begin_;
    const std::int64_t tiles = rows * tiling_.tile_columns;
    const std::int64_t first_panel_steps =
        ceil_divide(tiles, tiling_.dest.padded > kLane ? kTilePixels<2> : kTilePixels<1>);
    SpreadPrefetch memory_ahead(tiles + kSquare * first_panel_steps, tiling_.dest_of(dest, number),
                                tiling_.source_of(source, number + 1));
    pieces_to_points<kPoints>(tiling_, tiling_.source, source, -tiling_.row_axis.pad, -tiling_.column_axis.pad, first,
                              rows, strip, pieces, memory_ahead,
                              [](const auto& d, auto& at) { pixels_at_points(d, at); });
    const std::int64_t sources = tiling_.source.channels;
    const std::int64_t piece_step = tiling_.point_step(tiling_.source), sum_step = tiling_.point_step(tiling_.dest);
    for (int point = 0; point < kSquare; ++point, filter += tiling_.source.channels * tiling_.dest.padded) {
      for_each_panel<float>(tiling_.dest.padded, [&](std::int64_t column, int vectors) {
        const auto multiply = vectors == 2 ? multiply_rows<float, 2> : multiply_rows<float, 1>;
        const std::int64_t step = vectors == 2 ? kTilePixels<2> : kTilePixels<1>;
        for (std::int64_t i = 0; i < tiles;
             i += step) {  // the last rows may lie behind the tiles, and nobody reads them
          if (column == 0) memory_ahead.next();
          multiply(pieces + point * piece_step + i * tiling_.source.padded, tiling_.source.padded, sources,
                   filter + column * sources, sums + point * sum_step + i * tiling_.dest.padded + column,
                   tiling_.dest.padded);
        }
      });
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      write_row(first + r, sums + r * tiling_.tile_columns * tiling_.dest.padded, strip, dest, check);
    }
  }

  // A row of tiles.
  void write_row(std::int64_t number, const float* sums, float* patch, S* dest, FiniteCheck& check) const {
    const Side& side = tiling_.dest;
    S* const image = dest + number / tiling_.tile_rows * side.image_values();
    const TileAxis &row_axis = tiling_.row_axis, &column_axis = tiling_.column_axis;
    const std::int64_t rows = row_axis.count(number % tiling_.tile_rows);
    if (rows == 0) return;
    const std::int64_t row_step = row_axis.dilation * side.w, step = column_axis.dilation;  // in pixels
    for (std::int64_t tile = 0; tile < tiling_.tile_columns; ++tile, sums += side.padded) {
      const std::int64_t columns = column_axis.count(tile);
      if (columns == 0) continue;
      const std::int64_t first = row_axis.first(number % tiling_.tile_rows) * side.w + column_axis.first(tile);
      if constexpr (std::is_same_v<S, float>) {
        if (rows == kOutputs && columns == kOutputs && side.padded == side.channels &&
            tiling_.format == DataFormat::kNHWC) {
          to_pixels(sums, image + first * side.channels, row_step * side.channels, step * side.channels, check);
          continue;
        }
      }
      to_pixels(sums, patch, kOutputs * side.padded, side.padded, check);
      const std::int64_t run = step == 1 ? columns : 1;  // neighbours in the image as well
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; j += run) {
          unpack_strip(patch + (i * kOutputs + j) * side.padded, {side.channels, 1, side.padded, 1}, tiling_.format,
                       side.h * side.w, first + i * row_step + j * step, run, image);
        }
      }
    }
  }
  // One tile's sums at the points, all channels, as pixels.
  [[gnu::noinline]] void to_pixels(const float* sums, float* to, std::int64_t row_step, std::int64_t step,
                                   FiniteCheck& check) const {
    FiniteCheck local = check;
    for (std::int64_t c = 0; c < tiling_.dest.padded; c += kLane) {
      from_points<kOutputs>(
          sums + c, tiling_.point_step(tiling_.dest),
          [](const auto& at, auto& y) { evaluate_transposed<kOutputs>(at, y); },
          [&](std::int64_t i, std::int64_t j, const Vector<float>& pixel) {
            store(to + c + i * row_step + j * step, pixel);
            local.add(pixel);
          });
    }
    check = local;
  }

  void finish_block(std::int64_t number, const ConvEpilogue& epilogue) const {
    const std::int64_t first = number * tiling_.block_rows;
    for (std::int64_t r = first; r < first + tiling_.rows_of(number); ++r) {
      const TileAxis& axis = tiling_.row_axis;
      const std::int64_t tile = r % tiling_.tile_rows, image = r / tiling_.tile_rows, rows = axis.count(tile);
      const std::int64_t run = axis.dilation == 1 ? rows : 1;
      for (std::int64_t i = 0; i < rows; i += run)
        epilogue.finish_rows(image, axis.first(tile) + i * axis.dilation, run);
    }
  }

  std::unique_ptr<ConvKernel> direct_;
  bool to_input_;
  Tiling tiling_;
  std::int64_t filter_values_;                             // the filter at the points, in shared memory
  std::int64_t sums_begin_, strip_begin_, worker_values_;  // of a worker's memory
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_winograd_image(const ConvGeometry& g, ConvDirection direction) {
  if (g.rows.window == 3) return std::make_unique<WinogradImage<S, 3>>(g, direction);
  return std::make_unique<WinogradImage<S, 5>>(g, direction);
}
template std::unique_ptr<ConvKernel> make_winograd_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_winograd_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_winograd_image<float>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
