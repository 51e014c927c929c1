// A scan by integers of what could have made a NaN, which costs little beside the convolution; only if it finds something are the
// few results along the border computed again, by plain loops.
#include "gradus/backends/cpu/conv2d_zero_products.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <vector>

#include "gradus/backends/cpu/conv2d_pack.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kScanChunk = 65536;

// By integers: comparisons of floating values would keep the loop from being vectorised.
template <class S>
bool all_finite(const S* values, std::int64_t count) {
  if constexpr (is_half_type<S>) {
    std::uint16_t largest = 0;
    for (std::int64_t i = 0; i < count; ++i)
      largest = std::max(largest, static_cast<std::uint16_t>(values[i].bits() & 0x7fffu));
    return largest < S::kInfinity;
  } else {
    using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
    constexpr Bits kMagnitude = std::numeric_limits<Bits>::max() >> 1;
    Bits largest = 0;
    for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::bit_cast<Bits>(values[i]) & kMagnitude);
    return largest < std::bit_cast<Bits>(std::numeric_limits<S>::infinity());
  }
}

template <class S>
bool is_finite(S value) {
  return all_finite(&value, 1);
}

template <class S>
S nan_of() {
  return S(std::numeric_limits<float>::quiet_NaN());
}

template <class S>
bool is_finite_everywhere(KernelContext& c, const S* values, std::int64_t count) {
  std::atomic<bool> finite = true;
  c.parallel_for(count, kScanChunk, [&](std::int64_t begin, std::int64_t end) {
    if (!all_finite(values + begin, end - begin)) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

// Element [n, y, x, c] of a batch of images.
struct PixelStrides {
  std::int64_t n, y, x, c;
  PixelStrides(DataFormat format, std::int64_t h, std::int64_t w, std::int64_t channels) {
    const bool nhwc = format == DataFormat::kNHWC;
    n = h * w * channels;
    y = nhwc ? w * channels : w;
    x = nhwc ? channels : 1;
    c = nhwc ? 1 : h * w;
  }
};

// Whether some tap on some pixel belongs to a window beyond the output.
bool meets_windows_beyond(const WindowAxis& axis) {
  for (std::int64_t pixel = 0; pixel < axis.in; ++pixel)
    for (std::int64_t tap = 0; tap < axis.window; ++tap) {
      std::int64_t position = 0;
      if (axis.position(pixel, tap, &position) && (position < 0 || position >= axis.out)) return true;
    }
  return false;
}

}  // namespace

ZeroProducts::ZeroProducts(const ConvGeometry& geometry, ConvDirection direction)
    : g_(geometry), direction_(direction) {
  for (const WindowAxis& axis : {g_.rows, g_.columns}) {
    any_ = any_ || (direction == ConvDirection::kBackpropInput
                        ? meets_windows_beyond(axis)
                        : axis.pad_before > 0 || axis.pixel(axis.out - 1, axis.window - 1) >= axis.in);
  }
  const auto inner = [](const WindowAxis& axis) {
    WindowAxis::Range range{0, axis.out};
    while (range.begin < range.end && axis.pixel(range.begin, 0) < 0) ++range.begin;
    while (range.begin < range.end && axis.pixel(range.end - 1, axis.window - 1) >= axis.in) --range.end;
    return range;
  };
  inner_rows_ = inner(g_.rows);
  inner_columns_ = inner(g_.columns);
}

bool ZeroProducts::on_image(std::int64_t i, std::int64_t r, std::int64_t j, std::int64_t s) const {
  const std::int64_t y = g_.rows.pixel(i, r), x = g_.columns.pixel(j, s);
  return y >= 0 && y < g_.rows.in && x >= 0 && x < g_.columns.in;
}

template <class S>
bool ZeroProducts::matter(KernelContext& c) const {
  if (!any_) return false;
  if (direction_ == ConvDirection::kBackpropFilter) return !border_is_finite(c, c.input(2).data<S>());
  return !is_finite_everywhere(c, c.input(1).data<S>(), c.input(1).num_elements());
}

template <class S>
void ZeroProducts::put_right(KernelContext& c) const {
  switch (direction_) {
    case ConvDirection::kForward: return add_to_output<S>(c);
    case ConvDirection::kBackpropInput: return remove_from_image<S>(c);
    case ConvDirection::kBackpropFilter: return add_to_filter<S>(c);
  }
}

// For each tap and channel of the destination, whether any of its filter values is not finite: [taps][channels].
template <class S>
std::vector<char> ZeroProducts::not_finite_by_tap(const S* filter) const {
  const bool forward = direction_ == ConvDirection::kForward;
  const std::int64_t channels = forward ? g_.out_channels : g_.channels;
  const std::int64_t per_tap = g_.group_in() * g_.out_channels, count = g_.rows.window * g_.columns.window * per_tap;
  std::vector<char> found(static_cast<std::size_t>(g_.rows.window * g_.columns.window * channels), 0);
  for (std::int64_t i = 0; i < count; ++i) {
    if (is_finite(filter[i])) continue;
    const std::int64_t k = i % g_.out_channels, in = i / g_.out_channels % g_.group_in();
    const std::int64_t channel = forward ? k : k / g_.group_out() * g_.group_in() + in;
    found[static_cast<std::size_t>(i / per_tap * channels + channel)] = 1;
  }
  return found;
}

// An output is NaN where a filter value that is not finite lies on the padding.
template <class S>
void ZeroProducts::add_to_output(KernelContext& c) const {
  const S* const filter = c.input(1).data<S>();
  const std::vector<char> not_finite = not_finite_by_tap(filter);
  const PixelStrides at(g_.data_format, g_.rows.out, g_.columns.out, g_.out_channels);
  S* const y = c.output(0).data<S>();
  c.parallel_for(g_.rows.out, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      for (std::int64_t j = 0; j < g_.columns.out; ++j)
        for (std::int64_t tap = 0; tap < g_.rows.window * g_.columns.window; ++tap) {
          if (on_image(i, tap / g_.columns.window, j, tap % g_.columns.window)) continue;
          for (std::int64_t k = 0; k < g_.out_channels; ++k) {
            if (not_finite[static_cast<std::size_t>(tap * g_.out_channels + k)] == 0) continue;
            for (std::int64_t n = 0; n < g_.batch; ++n) y[n * at.n + i * at.y + j * at.x + k * at.c] = nan_of<S>();
          }
        }
  });
}

// A pixel that a filter value which is not finite would meet in a window beyond the output is summed up again, over the windows
// that exist.
template <class S>
void ZeroProducts::remove_from_image(KernelContext& c) const {
  const S* const filter = c.input(1).data<S>();
  const std::vector<char> not_finite = not_finite_by_tap(filter);
  const PixelStrides at(g_.data_format, g_.rows.in, g_.columns.in, g_.channels);
  const PixelStrides from(g_.data_format, g_.rows.out, g_.columns.out, g_.out_channels);
  const S* const dy = c.input(2).data<S>();
  S* const dx = c.output(0).data<S>();
  using T = Compute<S>;
  struct Window {
    std::int64_t tap, offset;  // offset of the window's first value in an image of dy
  };
  c.parallel_for(g_.rows.in, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Window> windows;     // that have a tap on the pixel
    std::vector<std::int64_t> taps;  // whose window would lie beyond the output
    for (std::int64_t y = begin; y < end; ++y)
      for (std::int64_t x = 0; x < g_.columns.in; ++x) {
        windows.clear();
        taps.clear();
        for (std::int64_t tap = 0; tap < g_.rows.window * g_.columns.window; ++tap) {
          std::int64_t i = 0, j = 0;
          if (!g_.rows.position(y, tap / g_.columns.window, &i) || !g_.columns.position(x, tap % g_.columns.window, &j))
            continue;
          if (i >= 0 && i < g_.rows.out && j >= 0 && j < g_.columns.out) {
            windows.push_back({tap, i * from.y + j * from.x});
          } else {
            taps.push_back(tap);
          }
        }
        for (std::int64_t channel = 0; channel < g_.channels; ++channel) {
          const bool wrong = std::any_of(taps.begin(), taps.end(), [&](std::int64_t tap) {
            return not_finite[static_cast<std::size_t>(tap * g_.channels + channel)] != 0;
          });
          if (!wrong) continue;
          const std::int64_t first = channel / g_.group_in() * g_.group_out(), in = channel % g_.group_in();
          for (std::int64_t n = 0; n < g_.batch; ++n) {
            T sum = 0;
            for (const Window& w : windows)
              for (std::int64_t k = first; k < first + g_.group_out(); ++k)
                sum += static_cast<T>(dy[n * from.n + w.offset + k * from.c]) *
                       static_cast<T>(filter[(w.tap * g_.group_in() + in) * g_.out_channels + k]);
            dx[n * at.n + y * at.y + x * at.x + channel * at.c] = static_cast<S>(sum);
          }
        }
      }
  });
}

// Whether out_backprop is finite where the kernel skips products with padding: in the rows of windows that reach beyond the
// image, and everywhere if some tap's columns only ever see padding. Other columns of padding are zeros in the kernels' strips, or
// meet zeros (conv2d_depthwise_filter.cc), so that those products make their NaNs themselves.
template <class S>
bool ZeroProducts::border_is_finite(KernelContext& c, const S* out_backprop) const {
  const bool all_rows = inner_columns_.size() == 0;
  // Lines of memory, of one row of windows each: [images or planes][out_rows][line]
  const bool nhwc = g_.data_format == DataFormat::kNHWC;
  const std::int64_t planes = g_.batch * (nhwc ? 1 : g_.out_channels);
  const std::int64_t line = g_.columns.out * (nhwc ? g_.out_channels : 1);
  const std::int64_t top = all_rows ? g_.rows.out : inner_rows_.begin, rest = all_rows ? g_.rows.out : inner_rows_.end;
  std::atomic<bool> finite = true;
  c.parallel_for(planes, kScanChunk / std::max<std::int64_t>((top + g_.rows.out - rest) * line, 1) + 1,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t p = begin; p < end; ++p) {
                     const S* const plane = out_backprop + p * g_.rows.out * line;
                     if (all_finite(plane, top * line) && all_finite(plane + rest * line, (g_.rows.out - rest) * line))
                       continue;
                     finite.store(false, std::memory_order_relaxed);
                   }
                 });
  return finite;
}

// The filter's element [r, s, c, k] is NaN when out_backprop of channel k is not finite for some window whose tap r, s lies on
// the padding.
template <class S>
void ZeroProducts::add_to_filter(KernelContext& c) const {
  const S* const out_backprop = c.input(2).data<S>();
  const PixelStrides at(g_.data_format, g_.rows.out, g_.columns.out, g_.out_channels);
  S* const filter = c.output(0).data<S>();
  c.parallel_for(g_.out_channels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k)
      for (std::int64_t i = 0; i < g_.rows.out; ++i)
        for (std::int64_t j = 0; j < g_.columns.out; ++j) {
          const bool inner =
              i >= inner_rows_.begin && i < inner_rows_.end && j >= inner_columns_.begin && j < inner_columns_.end;
          bool finite = true;
          for (std::int64_t n = 0; n < g_.batch && finite && !inner; ++n)
            finite = is_finite(out_backprop[n * at.n + i * at.y + j * at.x + k * at.c]);
          if (finite) continue;
          for (std::int64_t r = 0; r < g_.rows.window; ++r)
            for (std::int64_t s = 0; s < g_.columns.window; ++s) {
              if (on_image(i, r, j, s)) continue;
              S* const to = filter + (r * g_.columns.window + s) * g_.group_in() * g_.out_channels + k;
              for (std::int64_t in = 0; in < g_.group_in(); ++in) to[in * g_.out_channels] = nan_of<S>();
            }
        }
  });
}

template bool ZeroProducts::matter<Float16>(KernelContext&) const;
template void ZeroProducts::put_right<Float16>(KernelContext&) const;
template bool ZeroProducts::matter<BFloat16>(KernelContext&) const;
template void ZeroProducts::put_right<BFloat16>(KernelContext&) const;
template bool ZeroProducts::matter<float>(KernelContext&) const;
template void ZeroProducts::put_right<float>(KernelContext&) const;
template bool ZeroProducts::matter<double>(KernelContext&) const;
template void ZeroProducts::put_right<double>(KernelContext&) const;

}  // namespace gradus::cpu
