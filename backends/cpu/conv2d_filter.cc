// Conv2DBackpropFilter on the CPU, directly: some consecutive rows of the filter (values of a run) times one or two vectors of
// output channels are summed up in registers over all pixels of a strip.
#include "gradus/backends/cpu/conv2d_filter_parts.h"
#include "gradus/backends/cpu/conv2d_tiles.h"

namespace gradus::cpu {
namespace {

template <class S>
class DirectFilter final : public FilterKernel<S> {
  using Base = FilterKernel<S>;
  using Base::plan_;
  using typename Base::Gradient, typename Base::Strip, typename Base::T;
  static constexpr int kLane = kLanes<T>;

 public:
  explicit DirectFilter(const ConvGeometry& g) : Base(g, kLane) {}

 private:
  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    const ConvGeometry& g = plan_.geometry;
    const Phase& phase = plan_.phases[0];
    const PixelGrid grid{plan_.dest_rows(strip.index),
                         plan_.dest.w,
                         plan_.source.row_step * plan_.strips.columns * plan_.source.strip_channels,
                         phase.columns->source_step * plan_.source.strip_channels,
                         plan_.dest.w * gradient.pixel_step,
                         gradient.pixel_step};
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
          const T* y = gradient.values + group * plan_.padded_group_dest + column + begin * grid.dest_row;
          T* result = part + (group * phase.filter_rows + run.row) * plan_.padded_group_dest + column;
          two ? add_run<T, 2>(x, y, inside, run.length, result, plan_.padded_group_dest)
              : add_run<T, 1>(x, y, inside, run.length, result, plan_.padded_group_dest);
        }
        column += two ? 2 * kLane : kLane;
      }
    }
  }
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_conv2d_filter(const ConvGeometry& geometry) {
  return std::make_unique<DirectFilter<S>>(geometry);
}
template std::unique_ptr<ConvKernel> make_conv2d_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_conv2d_filter<BFloat16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_conv2d_filter<float>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_conv2d_filter<double>(const ConvGeometry&);

}  // namespace gradus::cpu
