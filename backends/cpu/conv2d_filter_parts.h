// What convolutions whose result is a filter have in common: the strips of all images are divided into a fixed number of
// parts, each with a sum of its own, which are added in order at the end: the bits do not depend on the number of
// threads, and long sums are more precise.
#pragma once

#include "gradus/backends/cpu/conv2d_strips.h"
#include "gradus/backends/cpu/conv2d_tiles.h"

namespace gradus::cpu {

template <class S>
class FilterKernel : public StripKernel<S> {
  using Base = StripKernel<S>;

 protected:
  using Base::plan_, Base::strip_space;
  using typename Base::Strip, typename Base::T;

  // How a part's sums lie: a matrix [filter_rows][padded_group_dest] for each group, or, of depthwise convolutions, [taps][channels].
  enum class Sums { kGroups, kTaps };

  FilterKernel(const ConvGeometry& g, int lanes, Sums layout)
      : Base(g, ConvDirection::kBackpropFilter, lanes), layout_(layout) {
    sum_values_ = plan_.packed_values;
    const std::int64_t most = std::clamp<std::int64_t>(
        kPartsBytes / (1 + sum_values_ * static_cast<std::int64_t>(sizeof(T))), 2, kMaxFilterParts);
    const std::int64_t wanted = std::min(most, ceil_divide(plan_.units(), plan_.units_per_chunk));
    units_per_part_ = ceil_divide(plan_.units(), std::max<std::int64_t>(wanted, 1));
    parts_ = ceil_divide(plan_.units(), std::max<std::int64_t>(units_per_part_, 1));
  }
  // `worker_values`: of scratch memory behind both strips, for own use.
  void reserve(std::int64_t worker_values = 0) {
    Base::reserve(sum_values_ * parts_, strip_space() + plan_.dest_strip_values() + worker_values);
  }

 public:
  void run(KernelContext& c, const ConvEpilogue* /*epilogue*/) final {
    const S* const source = c.input(0).template data<S>();
    const S* const dest = c.input(2).template data<S>();
    T* const sums = Base::shared_scratch(c);
    Base::for_strips(c, source, units_per_part_, [&](const Strip& strip) {
      T* const part = sums + strip.unit / units_per_part_ * sum_values_;
      if (strip.unit % units_per_part_ == 0) std::fill(part, part + sum_values_, T(0));
      add_strip(strip, gradient_of(dest + strip.image * plan_.dest.image_values(), strip), part);
    });
    add_parts(c, sums);
    write_filter(sums, c.output(0).template data<S>());
  }

 protected:
  // out_backprop's part of a strip: [pixels], pixel_step values apart, of [groups][padded_group_dest]. What lies in the padding is another
  // pixel's or 0, and meets sums that nobody reads.
  struct Gradient {
    const T* values;
    std::int64_t pixel_step;
  };
  // part += the products of the strip and its gradient.
  virtual void add_strip(const Strip& strip, const Gradient& gradient, T* part) const = 0;
  // `rows` rows of a strip's pixels.
  PixelGrid grid_of(const Gradient& gradient, std::int64_t rows) const {
    return {rows,
            plan_.dest.w,
            plan_.source.row_step * plan_.strips.columns * plan_.source.strip_channels,
            plan_.phases[0].columns->source_step * plan_.source.strip_channels,
            plan_.dest.w * gradient.pixel_step,
            gradient.pixel_step};
  }
  // The rows of a strip's pixels where `run` lies inside the image, and the number of the first.
  std::pair<PixelGrid, std::int64_t> rows_inside(const Strip& strip, const Gradient& gradient, const Run& run) const {
    const std::int64_t step = plan_.source.row_step;
    const std::int64_t first = step * strip.index * plan_.strips.steps + run.source_row;
    std::int64_t begin = 0, end = plan_.dest_rows(strip.index);
    while (begin < end && first + begin * step < 0) ++begin;
    while (begin < end && first + (end - 1) * step >= plan_.source.h) --end;
    return {grid_of(gradient, end - begin), begin};
  }
  // Memory of a worker behind both strips.
  T* own_memory(const Strip& strip) const { return strip.memory + strip_space() + plan_.dest_strip_values(); }

 private:
  static constexpr std::int64_t kMaxFilterParts = 16;
  // Wanted for the parts' sums; the fewest parts of a large filter take more.
  static constexpr std::int64_t kPartsBytes = 8 << 20;

  // In place where that is possible.
  Gradient gradient_of(const S* image, const Strip& strip) const {
    const ConvPlan::Side& side = plan_.dest;
    const std::int64_t pixels = plan_.dest_rows(strip.index) * side.w, first = plan_.dest_row(strip.index) * side.w;
    const bool nhwc = plan_.geometry.data_format == DataFormat::kNHWC;
    if constexpr (std::is_same_v<S, T>) {
      // A vector of the tensor's last pixels would reach beyond its end.
      const std::int64_t surplus = plan_.padded_group_dest - side.group_channels;
      const std::int64_t left = (plan_.geometry.batch - 1 - strip.image) * side.image_values() +
                                (side.h * side.w - first - pixels) * side.channels;
      if (nhwc && (surplus == 0 || (plan_.geometry.groups == 1 && left >= surplus)))
        return {image + first * side.channels, side.channels};
    }
    T* const gradient = strip.memory + strip_space();
    pack_gradient(image, first, pixels, gradient);
    return {gradient, side.strip_channels};
  }

  void pack_gradient(const S* image, std::int64_t first, std::int64_t pixels, T* gradient) const {
    const ConvPlan::Side& side = plan_.dest;
    const bool nhwc = plan_.geometry.data_format == DataFormat::kNHWC;
    if (nhwc && side.strip_channels == side.channels) {
      const S* from = image + first * side.channels;
      for (std::int64_t i = 0; i < pixels * side.channels; ++i) gradient[i] = static_cast<T>(from[i]);
      return;
    }
    if (plan_.padded_group_dest != side.group_channels)
      std::fill(gradient, gradient + pixels * side.strip_channels, T(0));
    const std::int64_t pixel_step = nhwc ? side.channels : 1, channel_step = nhwc ? 1 : side.h * side.w;
    const std::int64_t strip_step = side.strip_channels;
    for (std::int64_t k = 0; k < side.channels; ++k) {
      const S* from = image + first * pixel_step + k * channel_step;
      T* to = gradient + k / side.group_channels * plan_.padded_group_dest + k % side.group_channels;
      for (std::int64_t p = 0; p < pixels; ++p) to[p * strip_step] = static_cast<T>(from[p * pixel_step]);
    }
  }

  // Into the first part, in order.
  void add_parts(KernelContext& c, T* sums) const {
    c.parallel_for(sum_values_, kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t part = 1; part < parts_; ++part) {
        const T* from = sums + part * sum_values_;
        for (std::int64_t i = begin; i < end; ++i) sums[i] += from[i];
      }
    });
  }

  // Taps that only saw padding have no row in the sums: their gradient is 0.
  void write_filter(const T* sums, S* filter) const {
    const ConvGeometry& g = plan_.geometry;
    const Phase& phase = plan_.phases[0];
    const std::int64_t taps = g.rows.window * g.columns.window;
    if (static_cast<std::int64_t>(phase.filter_taps.size()) < taps || parts_ == 0) {
      std::fill(filter, filter + taps * g.group_in() * g.out_channels, S(0.0f));
    }
    if (parts_ == 0) return;
    const bool groups = layout_ == Sums::kGroups;
    const std::int64_t width = groups ? g.group_out() : g.out_channels;
    const std::int64_t row_step = groups ? plan_.padded_group_dest : width;
    for (std::int64_t begin = 0; begin < g.out_channels; begin += width) {
      for (const std::int64_t tap : phase.filter_taps) {
        for (std::int64_t c = 0; c < g.group_in(); ++c, sums += row_step) {
          S* to = filter + (tap * g.group_in() + c) * g.out_channels + begin;
          for (std::int64_t k = 0; k < width; ++k) to[k] = static_cast<S>(sums[k]);
        }
      }
    }
  }

  Sums layout_;
  std::int64_t sum_values_ = 0;  // of one part
  std::int64_t parts_ = 0, units_per_part_ = 1;
};

}  // namespace gradus::cpu
