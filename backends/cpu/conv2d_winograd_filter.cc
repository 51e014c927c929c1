// Conv2DBackpropFilter by Winograd's minimal filtering: pieces of the image and tiles of out_backprop are brought to the points and
// multiplied there, summed up over all tiles, and the sums brought back as taps once at the end. The tiles are divided into a
// fixed number of parts, each with sums of its own, which are added in order: the bits do not depend on the number of threads.
#include <atomic>

#include "gradus/backends/cpu/conv2d_winograd.h"

namespace gradus::cpu {
namespace {

using namespace winograd;

template <class S, int taps>
class WinogradFilter final : public ConvKernel {
  static constexpr int kOutputs = kPoints + 1 - taps;
  static constexpr std::int64_t kMaxParts = 16;
  // Wanted for the parts' sums; the fewest parts of a large filter take more.
  static constexpr std::int64_t kPartsBytes = 16 << 20;

 public:
  explicit WinogradFilter(const ConvGeometry& g)
      : direct_(make_conv2d_filter<S>(g)),
        tiling_(g, false),
        sum_values_(kSquare * tiling_.source.channels * tiling_.dest.padded),
        gradient_begin_(tiling_.block_values(tiling_.source)),
        strip_begin_(gradient_begin_ + tiling_.block_values(tiling_.dest)),
        worker_values_(round_up(strip_begin_ + tiling_.strip_values(), kLane) + kLane) {
    const std::int64_t most =
        std::clamp<std::int64_t>(kPartsBytes / (sum_values_ * static_cast<std::int64_t>(sizeof(float))), 4, kMaxParts);
    blocks_per_part_ = ceil_divide(tiling_.blocks, std::min(most, tiling_.blocks));
    parts_ = ceil_divide(tiling_.blocks, blocks_per_part_);
  }

  std::size_t scratch_bytes(int workers) const override {
    return std::max(static_cast<std::size_t>(parts_ * sum_values_ + workers * worker_values_) * sizeof(float),
                    direct_->scratch_bytes(workers));
  }

  void run(KernelContext& c, const ConvEpilogue* /*epilogue*/) override {
    const S* const source = c.input(0).template data<S>();
    const S* const gradient = c.input(2).template data<S>();
    float* const sums = c.scratch<float>();
    c.parallel_for_worker(parts_, 1, [&](std::int64_t begin, std::int64_t end, int worker) {
      float* const memory = sums + parts_ * sum_values_ + worker * worker_values_;
      for (std::int64_t part = begin; part < end; ++part) {
        float* const to = sums + part * sum_values_;
        std::fill(to, to + sum_values_, 0.0f);
        const std::int64_t last = std::min((part + 1) * blocks_per_part_, tiling_.blocks);
        for (std::int64_t number = part * blocks_per_part_; number < last; ++number)
          add_block(number, source, gradient, memory, to);
      }
    });
    if (!write_filter(c, sums, c.output(0).template data<S>())) direct_->run(c, nullptr);
  }

 private:
  // sums[point][source channel][destination channel] += the block's products.
  void add_block(std::int64_t number, const S* source, const S* gradient, float* memory, float* sums) const {
    const std::int64_t first = number * tiling_.block_rows, rows = tiling_.rows_of(number);
    float *const pieces = memory, *const tile_values = memory + gradient_begin_, *const strip = memory + strip_begin_;
    SpreadPrefetch memory_ahead(2 * rows * tiling_.tile_columns + kSquare, tiling_.source_of(source, number + 1),
                                tiling_.dest_of(gradient, number + 1));
    pieces_to_points<kPoints>(tiling_, tiling_.source, source, -tiling_.row_axis.pad, -tiling_.column_axis.pad, first,
                              rows, strip, pieces, memory_ahead,
                              [](const auto& d, auto& at) { pixels_at_points(d, at); });
    pieces_to_points<kOutputs>(tiling_, tiling_.dest, gradient, 0, 0, first, rows, strip, tile_values, memory_ahead,
                               [](const auto& y, auto& at) { evaluate<kOutputs>(y, at); });
    const std::int64_t channels = tiling_.source.channels, width = tiling_.dest.padded;
    const PixelGrid grid{1, rows * tiling_.tile_columns, 0, tiling_.source.padded, 0, width};
    for (int point = 0; point < kSquare; ++point, sums += channels * width) {
      memory_ahead.next();
      const float* const x = pieces + point * tiling_.point_step(tiling_.source);
      const float* const y = tile_values + point * tiling_.point_step(tiling_.dest);
      for_each_panel<float>(width, [&](std::int64_t column, int vectors) {
        const auto add = vectors == 2 ? add_run<float, 2> : add_run<float, 1>;
        add(x, y + column, grid, channels, sums + column, width);
      });
    }
  }

  // The parts' sums, added in order, as taps. False where they are not finite.
  bool write_filter(KernelContext& c, const float* sums, S* filter) const {
    const std::int64_t channels = tiling_.source.channels, dests = tiling_.dest.channels, width = tiling_.dest.padded;
    std::atomic<bool> all_finite = true;
    c.parallel_for(channels, items_per_chunk(kSquare * width * parts_), [&](std::int64_t begin, std::int64_t end) {
      float of_vector[taps * taps][kLane];
      FiniteCheck check;
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t column = 0; column < width; column += kLane) {
          vector_to_taps(sums + row * width + column, of_vector[0]);
          for (const auto& tap : of_vector) check.add(load(tap));
          S* to = filter + row * dests + column;
          for (int tap = 0; tap < taps * taps; ++tap, to += channels * dests) {
            for (std::int64_t k = 0; k < std::min<std::int64_t>(kLane, dests - column); ++k)
              to[k] = static_cast<S>(of_vector[tap][k]);
          }
        }
      }
      if (!check.all_finite()) all_finite = false;
    });
    return all_finite;
  }
  [[gnu::noinline]] void vector_to_taps(const float* sums, float* to) const {
    const std::int64_t point_step = tiling_.source.channels * tiling_.dest.padded;
    Vector<float> sum[kSquare];
    for (int point = 0; point < kSquare; ++point) sum[point] = load(sums + point * point_step);
    for (std::int64_t part = 1; part < parts_; ++part)
      for (int point = 0; point < kSquare; ++point) sum[point] += load(sums + part * sum_values_ + point * point_step);
    float summed[kSquare][kLane];
    for (int point = 0; point < kSquare; ++point) store(summed[point], sum[point]);
    from_points<taps>(
        summed[0], kLane,
        [](const auto& at, auto& w) {
          Vector<float> scaled[kPoints];
          for (int p = 0; p < kPoints; ++p) scaled[p] = at[p];
          scale(scaled);
          evaluate_transposed<taps>(scaled, w);
        },
        [&](int i, int j, const Vector<float>& tap) { store(to + (i * taps + j) * kLane, tap); });
  }

  std::unique_ptr<ConvKernel> direct_;
  Tiling tiling_;
  std::int64_t sum_values_;  // of one part
  std::int64_t parts_ = 0, blocks_per_part_ = 1;
  std::int64_t gradient_begin_, strip_begin_, worker_values_;  // of a worker's memory
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_winograd_filter(const ConvGeometry& g) {
  if (g.rows.window == 3) return std::make_unique<WinogradFilter<S, 3>>(g);
  return std::make_unique<WinogradFilter<S, 5>>(g);
}
template std::unique_ptr<ConvKernel> make_winograd_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_winograd_filter<BFloat16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_winograd_filter<float>(const ConvGeometry&);

}  // namespace gradus::cpu
