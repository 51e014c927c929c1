// Conv2DBackpropFilter on the CPU, directly: some consecutive rows of the filter (values of a run) times one or two vectors of
// output channels are summed up in registers over all pixels of a strip; all rows at once where the filter has few.
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
  explicit DirectFilter(const ConvGeometry& g) : Base(g, kLane, Base::Sums::kGroups) {
    Base::reserve();
    if (plan_.padded_group_dest == kLane && are_rows_of_a_window(plan_.phases[0].runs))
      window_sum_ = window_sum<T>(plan_.phases[0].runs.size(), plan_.phases[0].runs[0].length);
  }

 private:
  // At equal distances, all of one length.
  static bool are_rows_of_a_window(const std::vector<Run>& runs) {
    for (std::size_t i = 2; i < runs.size(); ++i)
      if (runs[i].offset - runs[i - 1].offset != runs[1].offset - runs[0].offset) return false;
    return runs.size() > 1 &&
           std::all_of(runs.begin(), runs.end(), [&](const Run& run) { return run.length == runs[0].length; });
  }

  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    window_sum_ != nullptr ? add_windows(strip, gradient, part) : add_runs(strip, gradient, part);
  }

  // Rows above or below the image take part, as the zeros that the strip has there.
  void add_windows(const Strip& strip, const Gradient& gradient, T* part) const {
    const Phase& phase = plan_.phases[0];
    const PixelGrid grid = Base::grid_of(gradient, plan_.dest_rows(strip.index));
    for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
      window_sum_(strip.memory + group * plan_.source.group_channels + phase.runs[0].offset,
                  phase.runs[1].offset - phase.runs[0].offset, gradient.values + group * kLane, grid,
                  part + group * phase.filter_rows * kLane, kLane);
    }
  }

  void add_runs(const Strip& strip, const Gradient& gradient, T* part) const {
    const Phase& phase = plan_.phases[0];
    for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
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

  PixelSum<T> window_sum_ = nullptr;  // of whole windows, where there is such a loop
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
