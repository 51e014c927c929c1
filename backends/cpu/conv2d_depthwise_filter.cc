// The filter's gradient of a depthwise convolution on the CPU: whole rows of taps, times one or two vectors of channels, are summed up in
// registers over all pixels of a strip.
#include "gradus/backends/cpu/conv2d_depthwise.h"
#include "gradus/backends/cpu/conv2d_filter_parts.h"

namespace gradus::cpu {
namespace {

// Sums at a time, in registers: of whole rows of taps, so that the source's rows, which their windows share, come from memory once.
constexpr std::size_t kMaxTaps = 10, kMaxTapsOfRow = 7;
// Columns of pixels that are gone through, all rows and all channels of them, before the next ones are: rows that several taps see stay in
// a first-level cache meanwhile. (3x3, 64 channels: 0.88 of the time of whole rows.)
constexpr std::int64_t kColumns = 12;

// Some rows of the filter's taps, at equal distances in both directions: their values of the gradient are summed up together.
struct TapBlock {
  std::size_t rows, taps;
  std::int64_t row_step, step;  // values of the source from one to the next
  std::int64_t result_row;      // of the result
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
        T* const to = result + row * block.result_row + tap * channels + v * lanes;
        sum += load_as<V>(to);
        std::memcpy(to, &sum, sizeof(sum));
      });
    });
  });
}

// The rows of a block of so many taps each. Several single ones would be one more instance for each number of rows.
constexpr std::size_t rows_with(std::size_t taps) { return taps == 1 ? 1 : kMaxTaps / taps; }

// The instance for each size of a block.
template <class V, class T, int vectors = 1>
auto tap_sums(const TapBlock& block) {
  using Function = void (*)(const T*, const TapBlock&, const T*, const PixelGrid&, T*, std::int64_t);
  Function found = nullptr;
  unrolled<static_cast<int>(kMaxTapsOfRow)>([&](auto j) {
    unrolled<static_cast<int>(rows_with(j + 1))>([&](auto i) {
      if (block.rows == i + 1 && block.taps == j + 1) found = sum_taps<V, T, i + 1, j + 1, vectors>;
    });
  });
  return found;
}

// Along all channels, or with zeros in place of the source.
template <class T>
void sum_block(const T* x, const TapBlock& block, const T* y, const PixelGrid& grid, T* result, std::int64_t channels) {
  static constexpr T kZeros[2 * kLanes<T>] = {};
  const auto source = [&](std::int64_t c) { return x == nullptr ? kZeros : x + c; };
  std::int64_t c = 0;
  if constexpr (kVectorRegisters == 32) {
    for (; c + 2 * kLanes<T> <= channels; c += 2 * kLanes<T>)
      tap_sums<Vector<T>, T, 2>(block)(source(c), block, y + c, grid, result + c, channels);
  }
  for (; c + kLanes<T> <= channels; c += kLanes<T>)
    tap_sums<Vector<T>, T>(block)(source(c), block, y + c, grid, result + c, channels);
  for (; c < channels; ++c) {  // what is no vector, tap by tap: seldom much, and each size of a block is code
    for (std::size_t r = 0; r < block.rows; ++r) {
      for (std::size_t s = 0; s < block.taps; ++s) {
        const std::int64_t row = static_cast<std::int64_t>(r), tap = static_cast<std::int64_t>(s);
        sum_taps<T, T, 1, 1, 1>(source(c) + row * block.row_step + tap * block.step, block, y + c, grid,
                                result + row * block.result_row + tap * channels + c, channels);
      }
    }
  }
}

template <class S>
class DepthwiseFilter final : public FilterKernel<S> {
  using Base = FilterKernel<S>;
  using Base::plan_;
  using typename Base::Gradient, typename Base::Strip, typename Base::T;

 public:
  explicit DepthwiseFilter(const ConvGeometry& g) : Base(g, 1, Base::Sums::kTaps) {
    if (is_read_in_place<S, T>(plan_)) Base::read_in_place();
    Base::reserve();
  }

 private:
  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    const AxisPhase &rows = *plan_.phases[0].rows, &columns = *plan_.phases[0].columns;
    const auto source = source_pixels<S, T>(plan_, strip.source, strip.memory, strip.index);
    const std::int64_t begin = strip.index * plan_.strips.steps, end = begin + plan_.dest_rows(strip.index);
    for_equal_taps(rows, begin, end, plan_.source.h, false, [&](const EqualTaps& row) {
      const T* const y = gradient.values + (row.begin - begin) * plan_.dest.w * gradient.pixel_step;
      for_equal_taps(columns, 0, plan_.dest.w, plan_.source.w, !source.in_place, [&](const EqualTaps& column) {
        add_taps(&source, row, column, y, gradient.pixel_step, part);
        // Zeros beside the image take part: they make a NaN of a gradient that is not finite (conv2d_zero_products.h).
        add_taps(nullptr, row, {column.begin, column.end, 0, column.first}, y, gradient.pixel_step, part);
        add_taps(nullptr, row, {column.begin, column.end, column.last, columns.taps.size()}, y, gradient.pixel_step,
                 part);
      });
    });
  }

  // source: nullptr for zeros. y: of the first row. Not inlined: the three calls would be as many copies of long code.
  [[gnu::noinline]] void add_taps(const SourcePixels<T>* source, const EqualTaps& row, const EqualTaps& column,
                                  const T* y, std::int64_t y_step, T* part) const {
    if (column.first == column.last) return;
    const AxisPhase &rows = *plan_.phases[0].rows, &columns = *plan_.phases[0].columns;
    const std::int64_t channels = plan_.geometry.out_channels, row_values = source == nullptr ? 0 : source->row_step,
                       pixel_values = source == nullptr ? 0 : source->pixel_step;
    const PixelGrid grid{row.end - row.begin,           column.end - column.begin,
                         rows.source_step * row_values, columns.source_step * pixel_values,
                         plan_.dest.w * y_step,         y_step};
    const std::size_t most_taps = std::min(column.last - column.first, kMaxTapsOfRow), most_rows = rows_with(most_taps);
    for (std::size_t r = row.first; r < row.last; r += most_rows) {
      for (std::size_t s = column.first; s < column.last; s += most_taps) {
        const TapBlock block{std::min(most_rows, row.last - r), std::min(most_taps, column.last - s),
                             tap_distance(rows) * row_values, tap_distance(columns) * pixel_values,
                             static_cast<std::int64_t>(columns.taps.size()) * channels};
        const T* const x = source == nullptr ? nullptr
                                             : source->at(row.begin * rows.source_step + rows.taps[r].offset,
                                                          column.begin * columns.source_step + columns.taps[s].offset);
        T* const result = part + static_cast<std::int64_t>(r * columns.taps.size() + s) * channels;
        PixelGrid piece = grid;
        for (std::int64_t j = 0; j < grid.columns; j += piece.columns) {
          piece.columns = grid.columns - j < 2 * kColumns ? grid.columns - j : kColumns;
          sum_block(x == nullptr ? x : x + j * grid.source_column, block, y + (column.begin + j) * y_step, piece,
                    result, channels);
        }
      }
    }
  }
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
