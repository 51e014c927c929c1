// The innermost loops of the direct tiles and of Winograd's products, over sums that stay in registers: sum_tile() and multiply_rows()
// for results that are images, sum_pixels() for results that are filters.
#pragma once

#include <array>
#include <span>
#include <utility>

#include "gradus/backends/cpu/conv2d_plan.h"
#include "gradus/backends/cpu/prefetch.h"
#include "gradus/backends/cpu/vector.h"

namespace gradus::cpu {

// Pixels of a tile. Two vectors wide: as many sums as fit in the registers beside the filter's vectors and one source value (with AVX2
// 6 * 2 sums, 2 vectors and 1 value of 16 registers). Each vector of the filter is then fetched once for all of them, and there are
// more sums than the 8 to 10 multiply-adds that a core has in flight, none of which may wait for another. One vector wide 8 are
// about as many.
template <int vectors>
inline constexpr int kTilePixels = kVectorRegisters == 32 ? (vectors == 2 ? 12 : 16) : (vectors == 2 ? 6 : 8);
// The last pixels have a smaller tile where they are so few: of 8 * 8 pixels, 4 are left behind 5 tiles of 12.
inline constexpr int kRestPixels = kTilePixels<2> / 3;

// f(column, vectors) for `padded` channels, whole vectors of them: two vectors at a time as long as there are two, since each source value
// that is read then serves two products.
template <class T, class F>
void for_each_panel(std::int64_t padded, F&& f) {
  for (std::int64_t column = 0; column < padded;) {
    const int vectors = padded - column >= 2 * kLanes<T> ? 2 : 1;
    f(column, vectors);
    column += vectors * kLanes<T>;
  }
}

// How sum_tile() goes through the filter's rows. kList: by the list of all of them, where runs of 3 or 5 values each, as few channels
// make them, would spend most of the time on beginning and ending. kRunAhead: the source is a tensor, of which the tile's pixels and
// those of the next tiles are one piece (1x1 kernels): with each row it asks for a cache line of a later tile (0.8 of the time).
enum class Rows { kRuns, kList, kRunAhead };

// dest[dest_offsets[m] + 0 .. vectors * lanes) = sum over the runs' rows of strip[source_offsets[m] + ...] * panel[row], for `count`
// of `pixels` pixels: [count pixels, filter rows] x [filter rows, vectors * lanes]. source_offsets has those of all `pixels`. row_offsets:
// for Rows::kList.
template <class T, int pixels, int vectors, Rows walk>
[[gnu::noinline]] void sum_tile(const T* strip, const std::int64_t* source_offsets, std::span<const Run> runs,
                                const std::int64_t* row_offsets, const T* panel, T* dest,
                                const std::int64_t* dest_offsets, std::int64_t count) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[pixels][vectors] = {};
  const T* source[pixels];
  unrolled<pixels>([&](auto m) GRADUS_INLINE { source[m] = strip + source_offsets[m]; });
  const auto add_row = [&](std::int64_t offset) GRADUS_INLINE {
    Vector<T> weights[vectors];
    unrolled<vectors>([&](auto v) GRADUS_INLINE { weights[v] = load(panel + v * lanes); });
    unrolled<pixels>([&](auto m) GRADUS_INLINE {
      unrolled<vectors>([&](auto v) GRADUS_INLINE { sums[m][v] += source[m][offset] * weights[v]; });
    });
    panel += vectors * lanes;
  };
  if constexpr (walk == Rows::kList) {
    const std::int64_t rows = runs.empty() ? 0 : runs.back().row + runs.back().length - runs.front().row;
    for (std::int64_t i = 0; i < rows; ++i) add_row(row_offsets[i]);
  } else {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    for (const Run& run : runs) {
      [[maybe_unused]] const T* const later = source[0] + run.offset + kPrefetchBytes / size;
      for (std::int64_t i = 0; i < run.length; ++i) {
        if constexpr (walk == Rows::kRunAhead) __builtin_prefetch(later + i * (kCacheLine / size));
        add_row(run.offset + i);
      }
    }
  }
  unrolled<pixels>([&](auto m) GRADUS_INLINE {
    if (m < count)
      unrolled<vectors>([&](auto v) GRADUS_INLINE { store(dest + dest_offsets[m] + v * lanes, sums[m][v]); });
  });
}

// The same for a whole tile of rows at equal distances: dest[m][lane] = sum of a[m][i] * panel[i][lane] over i. [rows, length]
// x [length, vectors * lanes]
template <class T, int vectors>
[[gnu::noinline]] void multiply_rows(const T* a, std::int64_t a_step, std::int64_t length, const T* panel, T* dest,
                                     std::int64_t dest_step) {
  constexpr int rows = kTilePixels<vectors>;
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[rows][vectors] = {};
  const T* source[rows];
  unrolled<rows>([&](auto m) GRADUS_INLINE { source[m] = a + m * a_step; });
  for (std::int64_t i = 0; i < length; ++i, panel += vectors * lanes) {
    Vector<T> weights[vectors];
    unrolled<vectors>([&](auto v) GRADUS_INLINE { weights[v] = load(panel + v * lanes); });
    unrolled<rows>([&](auto m) GRADUS_INLINE {
      unrolled<vectors>([&](auto v) GRADUS_INLINE { sums[m][v] += source[m][i] * weights[v]; });
    });
  }
  unrolled<rows>([&](auto m) GRADUS_INLINE {
    unrolled<vectors>([&](auto v) GRADUS_INLINE { store(dest + m * dest_step + v * lanes, sums[m][v]); });
  });
}

// The pixels of a strip: rows x columns, with the distances between neighbours in both strips.
struct PixelGrid {
  std::int64_t rows, columns;
  std::int64_t source_row, source_column, dest_row, dest_column;
};

// f(copy, x, y) with where each pixel's values lie in source and dest. Of `copies` sums, one or two, neighbours in a row have different ones.
template <int copies, class T, class F>
[[gnu::always_inline]] inline void for_pixels(const T* source, const T* dest, const PixelGrid& grid, F&& f) {
  for (std::int64_t i = 0; i < grid.rows; ++i) {
    const T* x = source + i * grid.source_row;
    const T* y = dest + i * grid.dest_row;
    std::int64_t j = 0;
    for (; j + copies <= grid.columns; j += copies, x += copies * grid.source_column, y += copies * grid.dest_column) {
      f(0, x, y);
      if constexpr (copies == 2) f(1, x + grid.source_column, y + grid.dest_column);
    }
    if (j < grid.columns) f(0, x, y);
  }
}

// result[r * values + m][lane] += sum over the pixels of source[r * row_step + m] * dest[lane]: [rows * values, pixels] x [pixels,
// vectors * lanes]. With few values there would be too few sums in flight to keep the multipliers busy: then even and odd
// pixels have sums of their own.
template <class T, int rows, int values, int vectors>
[[gnu::noinline]] void sum_pixels(const T* source, std::int64_t row_step, const T* dest, const PixelGrid& grid,
                                  T* result, std::int64_t result_step) {
  constexpr int lanes = kLanes<T>;
  constexpr int copies = rows * values * vectors <= 5 ? 2 : 1;
  Vector<T> sums[copies][rows][values][vectors] = {};
  for_pixels<copies>(source, dest, grid, [&](int copy, const T* x, const T* y) GRADUS_INLINE {
    Vector<T> gradient[vectors];
    for (int v = 0; v < vectors; ++v) gradient[v] = load(y + v * lanes);
    unrolled<rows>([&](auto r) GRADUS_INLINE {
      const T* const row = x + r * row_step;
      unrolled<values>([&](auto m) GRADUS_INLINE {
        for (int v = 0; v < vectors; ++v) sums[copy][r][m][v] += row[m] * gradient[v];
      });
    });
  });
  for (int m = 0; m < rows * values; ++m) {
    for (int v = 0; v < vectors; ++v) {
      Vector<T> sum = sums[0][m / values][m % values][v];
      if constexpr (copies == 2) sum += sums[1][m / values][m % values][v];
      T* const to = result + m * result_step + v * lanes;
      store(to, load(to) + sum);
    }
  }
}
template <class T>
using PixelSum = void (*)(const T*, std::int64_t, const T*, const PixelGrid&, T*, std::int64_t);

// The instance for each number of values, 1 to the largest.
template <class T, int vectors>
struct PixelSums {
  static constexpr int kMaxValues = kVectorRegisters == 32 ? (vectors == 2 ? 12 : 16) : (vectors == 2 ? 6 : 12);
  template <int... n>
  static constexpr std::array<PixelSum<T>, sizeof...(n)> make(std::integer_sequence<int, n...>) {
    return {sum_pixels<T, 1, n + 1, vectors>...};
  }
  static constexpr auto kFunctions = make(std::make_integer_sequence<int, kMaxValues>());
};

// `length` consecutive source values in blocks of nearly equal size, each value with a row of the result.
template <class T, int vectors>
void add_run(const T* source, const T* dest, const PixelGrid& grid, std::int64_t length, T* result,
             std::int64_t result_step) {
  using Sums = PixelSums<T, vectors>;
  const std::int64_t blocks = (length + Sums::kMaxValues - 1) / Sums::kMaxValues;
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t begin = length * b / blocks, end = length * (b + 1) / blocks;
    Sums::kFunctions[static_cast<std::size_t>(end - begin - 1)](source + begin, 0, dest, grid,
                                                                result + begin * result_step, result_step);
  }
}

// The sums of a whole window by one vector of lanes, where all fit in the registers; nullptr where they do not. Pixels of `dest` are then
// read once and not once for each row of taps, and there are fewer loops: 0.85 of the time, but 1.1 where there are two vectors of lanes,
// since each value then would have to be read twice.
template <class T, int rows, int values>
constexpr PixelSum<T> window_sum_if_it_fits() {
  if constexpr (rows * values + 2 <= kVectorRegisters)
    return sum_pixels<T, rows, values, 1>;
  else
    return nullptr;
}
template <class T>
PixelSum<T> window_sum(std::size_t rows, std::int64_t values) {  // for pictures, of 1 or 3 channels
  if (rows == 3 && values == 3) return window_sum_if_it_fits<T, 3, 3>();
  if (rows == 3 && values == 9) return window_sum_if_it_fits<T, 3, 9>();
  if (rows == 5 && values == 5) return window_sum_if_it_fits<T, 5, 5>();
  return nullptr;
}

}  // namespace gradus::cpu
