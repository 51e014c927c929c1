// The convolutions whose result is an image, Conv2D and Conv2DBackpropInput, on the CPU: directly, without an im2col matrix. A
// tile of pixels times one or two vectors of destination channels is summed up in registers; source values are read in
// place from the packed strip, the filter from packed panels.
#include "gradus/backends/cpu/conv2d_image_parts.h"
#include "gradus/backends/cpu/conv2d_tiles.h"

namespace gradus::cpu {
namespace {

template <class S>
class TiledImage final : public ImageKernel<S> {
  using Base = ImageKernel<S>;
  using Base::plan_;
  using typename Base::Strip, typename Base::T;
  static constexpr std::int64_t kLane = kLanes<T>;

 public:
  TiledImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, kLanes<T>) {
    Base::read_rows_in_place();
    Base::reserve(plan_.packed_values);
  }

 private:
  // Runs shorter than this go by the list of their rows.
  static constexpr std::int64_t kShortRun = 24;

  // Where the panel of a group's channels from `column` on lies in the packed filter.
  std::int64_t panel_of(const Phase& phase, std::int64_t group, std::int64_t column) const {
    return phase.packed_begin + (group * plan_.padded_group_dest + column) * phase.filter_rows;
  }

  void pack_filter(KernelContext& c, const S* filter, T* packed) const override {
    const std::int64_t groups = plan_.geometry.groups, phases = static_cast<std::int64_t>(plan_.phases.size());
    const std::int64_t per_chunk = 1 + 65536 * groups * phases / (plan_.packed_values + 1);
    c.parallel_for(phases * groups, per_chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Phase& phase = plan_.phases[static_cast<std::size_t>(i / groups)];
        for_each_panel<T>(plan_.padded_group_dest, [&](std::int64_t column, int vectors) {
          pack_panel(plan_, phase, filter, i % groups, column, vectors * kLane,
                     packed + panel_of(phase, i % groups, column));
        });
      }
    });
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
      for_each_panel<T>(plan_.padded_group_dest, [&](std::int64_t column, int vectors) {
        const T* const panel = packed + panel_of(phase, group, column);
        const T* const from = strip.values + group * plan_.source.group_channels;
        T* const to = sums + group * plan_.padded_group_dest + column;
        vectors == 2 ? sum_panel<2>(strip, phase, from, panel, to) : sum_panel<1>(strip, phase, from, panel, to);
      });
    }
  }

  // The loop for a tile of which `left` pixels are left.
  template <int vectors>
  static auto tile_sum(std::int64_t left, bool in_one_piece, std::span<const Run> runs) {
    constexpr int pixels = kTilePixels<vectors>;
    return vectors == 2 && left <= kRestPixels                  ? sum_tile<T, kRestPixels, 2, Rows::kRuns>
           : in_one_piece                                       ? sum_tile<T, pixels, vectors, Rows::kRunAhead>
           : runs.size() > 1 && runs.front().length < kShortRun ? sum_tile<T, pixels, vectors, Rows::kList>
                                                                : sum_tile<T, pixels, vectors, Rows::kRuns>;
  }

  template <int vectors>
  void sum_panel(const Strip& strip, const Phase& phase, const T* source, const T* panel, T* dest) const {
    constexpr std::int64_t kPixels = kTilePixels<vectors>;
    const std::int64_t pixels = Base::pixels_of(strip, phase);
    const bool in_one_piece =
        Base::reads_rows_in_place() && phase.row_offsets.size() == static_cast<std::size_t>(plan_.source.channels);
    Base::template for_tiles<kPixels>(strip, phase, [&](std::int64_t p, std::span<const Run> runs) {
      // A tile reads all of its pixels; the last one repeats its last, since those behind it may lie outside of the tensor.
      const std::int64_t* offsets = phase.source_offsets.data() + p;
      std::int64_t last[kPixels];
      if (pixels - p < kPixels) {
        for (std::int64_t m = 0; m < kPixels; ++m) last[m] = offsets[std::min(m, pixels - p - 1)];
        offsets = last;
      }
      const std::int64_t row = runs.empty() ? 0 : runs.front().row;
      const auto sum = tile_sum<vectors>(pixels - p, in_one_piece, runs);
      sum(source, offsets, runs, phase.row_offsets.data() + row, panel + row * vectors * kLane, dest,
          &phase.dest_offsets[static_cast<std::size_t>(p)], pixels - p);
    });
  }
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_conv2d_image(const ConvGeometry& geometry, ConvDirection direction) {
  return std::make_unique<TiledImage<S>>(geometry, direction);
}
template std::unique_ptr<ConvKernel> make_conv2d_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_conv2d_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_conv2d_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_conv2d_image<double>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
