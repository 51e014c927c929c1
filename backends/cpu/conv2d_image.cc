// The convolutions whose result is an image, Conv2D and Conv2DBackpropInput, on the CPU: directly, without an im2col matrix. A
// tile of pixels times one or two vectors of destination channels is summed up in registers; source values are read in
// place from the packed strip, the filter from packed panels. Every result is summed by one thread in the order of the
// filter's rows, so its bits do not depend on the number of threads.
#include "gradus/backends/cpu/conv2d_strips.h"
#include "gradus/backends/cpu/conv2d_tiles.h"

namespace gradus::cpu {
namespace {

template <class S>
class ImageKernel final : public StripKernel<S> {
  using Base = StripKernel<S>;
  using Base::kLane, Base::plan_, Base::strip_space;
  using typename Base::Strip, typename Base::T;

 public:
  ImageKernel(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, kLanes<T>) {
    direct_ = std::is_same_v<S, T> && g.data_format == DataFormat::kNHWC &&
              plan_.padded_group_dest == plan_.dest.group_channels;
    Base::reserve(plan_.packed_values, strip_space() + (direct_ ? 0 : plan_.dest_strip_values()));
    // A tile reads whole: the last one repeats its last pixel.
    for (Phase& phase : plan_.phases) {
      has_gaps_ |= phase.runs.empty();
      if (phase.source_offsets.empty()) continue;
      phase.source_offsets.resize(phase.source_offsets.size() + kTilePixels<1>, phase.source_offsets.back());
    }
  }

  void run(KernelContext& c, const ConvEpilogue* epilogue) override {
    const S* const source = c.input(plan_.to_input ? 2 : 0).template data<S>();
    S* const dest = c.output(0).template data<S>();
    const T* const packed = pack_filter(c, c.input(1).template data<S>());
    Base::for_strips(c, plan_.units_per_chunk, [&](const Strip& strip) {
      Base::pack_source(source, strip);
      sum_strip(strip, packed, dest + strip.image * plan_.dest.image_values());
      Base::finish_strip(strip, epilogue);
    });
  }

 private:
  // Calls body(column, vectors, offset of the panel) for every panel of a group's packed filter: two vectors of destination channels
  // wide as long as there are two, since each source value that is read then serves two products.
  template <class F>
  void for_each_panel(const Phase& phase, std::int64_t group, F&& body) const {
    std::int64_t offset = phase.packed_begin + group * phase.filter_rows * plan_.padded_group_dest;
    for (std::int64_t column = 0; column < plan_.padded_group_dest;) {
      const int vectors = plan_.padded_group_dest - column >= 2 * kLane ? 2 : 1;
      body(column, vectors, offset);
      offset += phase.filter_rows * vectors * kLane;
      column += vectors * kLane;
    }
  }

  T* pack_filter(KernelContext& c, const S* filter) const {
    T* const packed = Base::shared_scratch(c);
    const std::int64_t groups = plan_.geometry.groups, phases = static_cast<std::int64_t>(plan_.phases.size());
    const std::int64_t per_chunk = 1 + 65536 * groups * phases / (plan_.packed_values + 1);
    c.parallel_for(phases * groups, per_chunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Phase& phase = plan_.phases[static_cast<std::size_t>(i / groups)];
        for_each_panel(phase, i % groups, [&](std::int64_t column, int vectors, std::int64_t offset) {
          pack_panel(plan_, phase, filter, i % groups, column, vectors * kLane, packed + offset);
        });
      }
    });
    return packed;
  }

  void sum_strip(const Strip& strip, const T* packed, S* dest_image) const {
    const ConvGeometry& g = plan_.geometry;
    const std::int64_t first_pixel = plan_.dest_row(strip.index) * plan_.dest.w;
    T* sums = strip.memory + strip_space();
    if constexpr (std::is_same_v<S, T>) {
      if (direct_) sums = dest_image + first_pixel * plan_.dest.channels;
    }
    // With strides larger than the filter, pixels lie between the taps: 0, all of a strip at once.
    if (has_gaps_)
      std::fill(sums, sums + plan_.dest_rows(strip.index) * plan_.dest.w * plan_.dest.strip_channels, T(0));
    for (const Phase& phase : plan_.phases) {
      if (phase.runs.empty()) continue;
      const std::int64_t first_step = strip.index * plan_.strips.steps;
      const std::int64_t pixels = plan_.steps(strip.index, *phase.rows) * phase.columns->count;
      for (std::int64_t group = 0; group < g.groups; ++group) {
        for_each_panel(phase, group, [&](std::int64_t column, int vectors, std::int64_t offset) {
          const T* const from = strip.memory + group * plan_.source.group_channels;
          T* const to = sums + group * plan_.padded_group_dest + column;
          vectors == 2 ? sum_panel<2>(phase, first_step, pixels, from, packed + offset, to)
                       : sum_panel<1>(phase, first_step, pixels, from, packed + offset, to);
        });
      }
    }
    if (direct_) return;
    unpack_strip(sums, {plan_.dest.channels, g.groups, plan_.padded_group_dest, 1}, g.data_format,
                 plan_.dest.h * plan_.dest.w, first_pixel, plan_.dest_rows(strip.index) * plan_.dest.w, dest_image);
  }

  // Runs shorter than this go by the list of their rows.
  static constexpr std::int64_t kShortRun = 24;

  // One panel for the strip's pixels, a tile at a time. A tile may lie in several rows of pixels: it takes the runs that any of them
  // sees, from its last row's first to its first row's last, since both ends descend.
  template <int vectors>
  static void sum_panel(const Phase& phase, std::int64_t first_step, std::int64_t pixels, const T* strip,
                        const T* panel, T* dest) {
    constexpr std::int64_t tile = kTilePixels<vectors>;
    const std::int64_t columns = phase.columns->count;
    for (std::int64_t p = 0; p < pixels; p += tile) {
      const std::int64_t last = std::min(p + tile, pixels) - 1;
      const std::size_t begin = phase.row_runs[static_cast<std::size_t>(first_step + last / columns)].begin;
      const std::size_t end = phase.row_runs[static_cast<std::size_t>(first_step + p / columns)].end;
      const std::span<const Run> runs(phase.runs.data() + begin, begin < end ? end - begin : 0);
      const std::int64_t row = runs.empty() ? 0 : runs.front().row;
      const auto sum =
          runs.size() > 1 && runs.front().length < kShortRun ? sum_tile<T, vectors, true> : sum_tile<T, vectors, false>;
      sum(strip, &phase.source_offsets[static_cast<std::size_t>(p)], runs, phase.row_offsets.data() + row,
          panel + row * vectors * kLane, dest, &phase.dest_offsets[static_cast<std::size_t>(p)], pixels - p);
    }
  }

  bool has_gaps_ = false;  // some pixels of the destination see nothing of the source
  bool direct_ = false;    // results go straight into the output tensor
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_conv2d_image(const ConvGeometry& geometry, ConvDirection direction) {
  return std::make_unique<ImageKernel<S>>(geometry, direction);
}
template std::unique_ptr<ConvKernel> make_conv2d_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_conv2d_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_conv2d_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_conv2d_image<double>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
