// Conv2DBackpropFilter on the CPU, directly: some consecutive rows of the filter (values of a run) times one or two vectors of
// output channels are summed up in registers over all pixels of a strip.
#include "gradus/backends/cpu/conv2d_filter_parts.h"

namespace gradus::cpu {
namespace {

template <class S>
class DirectFilter final : public FilterKernel<S> {
  using Base = FilterKernel<S>;
  using Base::plan_;
  using typename Base::Gradient, typename Base::Strip, typename Base::T;
  static constexpr int kLane = kLanes<T>;

 public:
  explicit DirectFilter(const ConvGeometry& g) : Base(g, kLane, Base::Sums::kGroups) { Base::reserve(); }

 private:
  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    const ConvGeometry& g = plan_.geometry;
    const Phase& phase = plan_.phases[0];
    for (std::int64_t group = 0; group < g.groups; ++group) {
      for_each_panel<T>(plan_.padded_group_dest, [&](std::int64_t column, int vectors) {
        for (const Run& run : phase.runs) {
          const auto [grid, begin] = Base::rows_inside(strip, gradient, run);
          if (grid.rows == 0) continue;
          const T* x = strip.memory + group * plan_.source.group_channels + run.offset + begin * grid.source_row;
          const T* y = gradient.values + group * plan_.padded_group_dest + column + begin * grid.dest_row;
          T* result = part + (group * phase.filter_rows + run.row) * plan_.padded_group_dest + column;
          const auto add = vectors == 2 ? add_run<T, 2> : add_run<T, 1>;
          add(x, y, grid, run.length, result, plan_.padded_group_dest);
        }
      });
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
