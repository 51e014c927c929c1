// The filter's gradient of a depthwise convolution on the CPU: some taps that lie side by side, times one vector of channels, are summed up
// in registers over all pixels of a strip.
#include "gradus/backends/cpu/conv2d_filter_parts.h"

namespace gradus::cpu {
namespace {

// Sums at a time, in registers: of whole rows of taps, so that the source's rows, which their windows share, come from memory once.
constexpr std::size_t kMaxTaps = 10;

// A vector or a single value.
template <class V, class T>
V load_as(const T* p) {
  if constexpr (std::is_same_v<V, T>)
    return *p;
  else
    return load(p);
}

// Some rows of the filter's taps, at equal distances in both directions: their values of the gradient are summed up together.
struct TapBlock {
  std::size_t run;  // of the first
  std::size_t rows, taps;
  std::int64_t row_step, step;  // values of the strip from one to the next
};

// result[row][tap][lane] += sum over the pixels of source[row * row_step + tap * step + lane] * dest[lane], for `vectors` vectors of lanes,
// or for a single value. Of few taps, even and odd pixels have sums of their own, so that hardly a product waits for the one before.
template <class V, class T, int rows, int taps, int vectors>
void sum_taps(const T* source, const TapBlock& block, const T* dest, const PixelGrid& grid, T* result,
              std::int64_t channels) {
  constexpr int copies = rows * taps * vectors <= 4 ? 2 : 1;
  constexpr int lanes = sizeof(V) / sizeof(T);
  V sums[copies][rows][taps][vectors] = {};
  for_pixels<copies>(source, dest, grid, [&](int copy, const T* x, const T* y) GRADUS_INLINE {
    V gradient[vectors];
    unrolled<vectors>([&](auto v) GRADUS_INLINE { gradient[v] = load_as<V>(y + v * lanes); });
    unrolled<rows>([&](auto row) GRADUS_INLINE {
      unrolled<taps>([&](auto tap) GRADUS_INLINE {
        const T* const from = x + row * block.row_step + tap * block.step;
        unrolled<vectors>([&](auto v)
                              GRADUS_INLINE { sums[copy][row][tap][v] += load_as<V>(from + v * lanes) * gradient[v]; });
      });
    });
  });
  unrolled<rows>([&](auto row) GRADUS_INLINE {
    unrolled<taps>([&](auto tap) GRADUS_INLINE {
      unrolled<vectors>([&](auto v) GRADUS_INLINE {
        V sum = sums[0][row][tap][v];
        if constexpr (copies == 2) sum += sums[1][row][tap][v];
        T* const to = result + (row * taps + tap) * channels + v * lanes;
        sum += load_as<V>(to);
        std::memcpy(to, &sum, sizeof(sum));
      });
    });
  });
}

// The instance for each size of a block: any that has at most kMaxTaps taps.
template <class V, class T, int vectors = 1>
auto tap_sums(const TapBlock& block) {
  using Function = void (*)(const T*, const TapBlock&, const T*, const PixelGrid&, T*, std::int64_t);
  Function found = nullptr;
  unrolled<static_cast<int>(kMaxTaps)>([&](auto i) {
    unrolled<static_cast<int>(kMaxTaps) / (i + 1)>([&](auto j) {
      if (block.rows == i + 1 && block.taps == j + 1) found = sum_taps<V, T, i + 1, j + 1, vectors>;
    });
  });
  return found;
}

template <class S>
class DepthwiseFilter final : public FilterKernel<S> {
  using Base = FilterKernel<S>;
  using Base::plan_;
  using typename Base::Gradient, typename Base::Strip, typename Base::T;

 public:
  explicit DepthwiseFilter(const ConvGeometry& g) : Base(g, 1, Base::Sums::kTaps) {
    // The phase's runs are single taps, row by row.
    const Phase& phase = plan_.phases[0];
    if (phase.runs.empty()) return;
    const std::size_t rows = phase.rows->taps.size(), columns = phase.columns->taps.size();
    const std::int64_t row_step = rows > 1 ? phase.runs[columns].offset - phase.runs[0].offset : 0;
    const std::int64_t step = columns > 1 ? phase.runs[1].offset - phase.runs[0].offset : 0;
    const std::size_t most_columns = std::min(columns, kMaxTaps);
    const std::size_t most_rows = columns > kMaxTaps ? 1 : kMaxTaps / columns;
    for (std::size_t r = 0; r < rows; r += most_rows) {
      for (std::size_t c = 0; c < columns; c += most_columns)
        blocks_.push_back(
            {r * columns + c, std::min(most_rows, rows - r), std::min(most_columns, columns - c), row_step, step});
    }
  }

 private:
  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    const std::int64_t channels = plan_.geometry.out_channels;
    const std::vector<Run>& runs = plan_.phases[0].runs;
    for (const TapBlock& block : blocks_) {
      const Run& last = runs[block.run + (block.rows - 1) * block.taps];
      const auto [grid, begin] = Base::rows_inside(strip, gradient, runs[block.run], last);
      if (grid.rows == 0) continue;
      const T* const x = strip.memory + runs[block.run].offset + begin * grid.source_row;
      const T* const y = gradient.values + begin * grid.dest_row;
      T* const result = part + static_cast<std::int64_t>(block.run) * channels;
      std::int64_t c = 0;
      if constexpr (kVectorRegisters == 32) {
        for (; c + 2 * kLanes<T> <= channels; c += 2 * kLanes<T>)
          tap_sums<Vector<T>, T, 2>(block)(x + c, block, y + c, grid, result + c, channels);
      }
      for (; c + kLanes<T> <= channels; c += kLanes<T>)
        tap_sums<Vector<T>, T>(block)(x + c, block, y + c, grid, result + c, channels);
      for (; c < channels; ++c) tap_sums<T, T>(block)(x + c, block, y + c, grid, result + c, channels);
    }
  }

  std::vector<TapBlock> blocks_;
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
