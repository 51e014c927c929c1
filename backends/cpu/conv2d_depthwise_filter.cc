// The filter's gradient of a depthwise convolution on the CPU: some taps that lie side by side, times one vector of channels, are summed up
// in registers over all pixels of a strip.
#include "gradus/backends/cpu/conv2d_filter_parts.h"

namespace gradus::cpu {
namespace {

constexpr std::size_t kMaxTaps = 8;

// A vector or a single value.
template <class V, class T>
V load_as(const T* p) {
  if constexpr (std::is_same_v<V, T>)
    return *p;
  else
    return load(p);
}

// Taps of one row of the filter at equal distances: their values of the gradient are summed up together.
struct TapRow {
  std::size_t run;  // of the first
  std::size_t taps;
  std::int64_t step;  // values from one to the next
};

// result[tap][lane] += sum over the pixels of source[tap * step + lane] * dest[lane], V a vector or a single value. So many sums that
// hardly a product waits for the one before.
template <class V, class T, int taps>
void sum_taps(const T* source, std::int64_t step, const T* dest, const PixelGrid& grid, T* result,
              std::int64_t channels) {
  constexpr int copies = taps <= 4 ? 2 : 1;
  V sums[copies][taps] = {};
  for_pixels<copies>(source, dest, grid, [&](int copy, const T* x, const T* y) GRADUS_INLINE {
    const V gradient = load_as<V>(y);
    unrolled<taps>([&](auto tap) GRADUS_INLINE { sums[copy][tap] += load_as<V>(x + tap * step) * gradient; });
  });
  unrolled<taps>([&](auto tap) GRADUS_INLINE {
    V sum = sums[0][tap];
    if constexpr (copies == 2) sum += sums[1][tap];
    T* const to = result + tap * channels;
    sum += load_as<V>(to);
    std::memcpy(to, &sum, sizeof(sum));
  });
}

// The instance for each number of taps, 1 to the largest.
template <class V, class T>
struct TapSums {
  using Function = void (*)(const T*, std::int64_t, const T*, const PixelGrid&, T*, std::int64_t);
  template <int... n>
  static constexpr std::array<Function, sizeof...(n)> make(std::integer_sequence<int, n...>) {
    return {sum_taps<V, T, n + 1>...};
  }
  static constexpr auto kFunctions = make(std::make_integer_sequence<int, static_cast<int>(kMaxTaps)>());
};

template <class S>
class DepthwiseFilter final : public FilterKernel<S> {
  using Base = FilterKernel<S>;
  using Base::plan_;
  using typename Base::Gradient, typename Base::Strip, typename Base::T;

 public:
  explicit DepthwiseFilter(const ConvGeometry& g) : Base(g, 1, Base::Sums::kTaps) { find_tap_rows(); }

 private:
  void find_tap_rows() {
    const std::vector<Run>& runs = plan_.phases[0].runs;
    for (std::size_t r = 0; r < runs.size(); ++r) {
      TapRow* const row = tap_rows_.empty() ? nullptr : &tap_rows_.back();
      const std::int64_t step = r == 0 ? 0 : runs[r].offset - runs[r - 1].offset;
      if (row != nullptr && row->taps < kMaxTaps && runs[row->run].source_row == runs[r].source_row &&
          (row->taps == 1 || row->step == step)) {
        row->step = step;
        ++row->taps;
      } else {
        tap_rows_.push_back({r, 1, 0});
      }
    }
  }

  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    const std::int64_t channels = plan_.geometry.out_channels;
    for (const TapRow& row : tap_rows_) {
      const Run& run = plan_.phases[0].runs[row.run];
      const auto [grid, begin] = Base::rows_inside(strip, gradient, run);
      if (grid.rows == 0) continue;
      const T* const x = strip.memory + run.offset + begin * grid.source_row;
      const T* const y = gradient.values + begin * grid.dest_row;
      T* const result = part + static_cast<std::int64_t>(row.run) * channels;
      std::int64_t c = 0;
      for (; c + kLanes<T> <= channels; c += kLanes<T>)
        TapSums<Vector<T>, T>::kFunctions[row.taps - 1](x + c, row.step, y + c, grid, result + c, channels);
      for (; c < channels; ++c)
        TapSums<T, T>::kFunctions[row.taps - 1](x + c, row.step, y + c, grid, result + c, channels);
    }
  }

  std::vector<TapRow> tap_rows_;
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_depthwise_filter(const ConvGeometry& geometry) {
  return std::make_unique<DepthwiseFilter<S>>(geometry);
}
template std::unique_ptr<ConvKernel> make_depthwise_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<BFloat16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<float>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<double>(const ConvGeometry&);

}  // namespace gradus::cpu
