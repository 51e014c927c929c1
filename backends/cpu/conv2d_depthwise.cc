// Depthwise convolutions on the CPU: one input channel per group, so that the products along the channels are plain
// vector products. A strip has as many channels as the convolution's output: with a multiplier, each image channel is
// repeated in it, and for the image's gradient the repeated channels are added up when the strip is written.
#include "gradus/backends/cpu/conv2d_image_parts.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kMaxDepthwiseParts = 16;

// Pixels that are summed up together: each vector of the filter is fetched once for all of them.
constexpr int kDepthwisePixels = 4;

// dest[dest_offsets[m] + lane] = sum over the taps of source[source_offsets[m] + tap.offset + lane] * filter[tap][lane], for `vectors`
// vectors of neighbouring channels and `pixels` pixels.
template <class T, int pixels, int vectors>
void sum_channels(const T* source, const std::int64_t* source_offsets, const std::vector<Run>& taps, const T* filter,
                  std::int64_t channels, T* dest, const std::int64_t* dest_offsets) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[pixels][vectors] = {};
  const T* from[pixels];
  unrolled<pixels>([&](auto m) GRADUS_INLINE { from[m] = source + source_offsets[m]; });
  for (const Run& tap : taps) {
    Vector<T> weights[vectors];
    unrolled<vectors>([&](auto v) GRADUS_INLINE { weights[v] = load(filter + v * lanes); });
    unrolled<pixels>([&](auto m) GRADUS_INLINE {
      unrolled<vectors>([&](auto v)
                            GRADUS_INLINE { sums[m][v] += load(from[m] + tap.offset + v * lanes) * weights[v]; });
    });
    filter += channels;
  }
  unrolled<pixels>([&](auto m) GRADUS_INLINE {
    unrolled<vectors>([&](auto v) GRADUS_INLINE { store(dest + dest_offsets[m] + v * lanes, sums[m][v]); });
  });
}

template <class T>
Vector<T> zero(std::true_type) {
  return Vector<T>{};
}
template <class T>
T zero(std::false_type) {
  return T(0);
}

// Calls body(channel, whole) for the channels in steps of one vector; the rest one by one with whole = false.
template <class T, class F>
void for_channels(std::int64_t channels, F&& body) {
  std::int64_t c = 0;
  for (; c + kLanes<T> <= channels; c += kLanes<T>) body(c, std::true_type());
  for (; c < channels; ++c) body(c, std::false_type());
}

template <class S>
class DepthwiseImage final : public ImageKernel<S> {
  using Base = ImageKernel<S>;
  using Base::plan_;
  using typename Base::Strip, typename Base::T;
  static constexpr std::int64_t kLane = kLanes<T>;

 public:
  DepthwiseImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, 1) {
    Base::reserve(plan_.packed_values);
  }

 private:
  // [taps][channels]
  void pack_filter(KernelContext& /*c*/, const S* filter, T* packed) const override {
    const std::int64_t channels = plan_.source.strip_channels;
    for (const Phase& phase : plan_.phases) {
      T* to = packed + phase.packed_begin;
      for (const std::int64_t tap : phase.filter_taps)
        for (std::int64_t k = 0; k < channels; ++k) *to++ = static_cast<T>(filter[tap * channels + k]);
    }
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    const std::int64_t pixels = Base::pixels_of(strip, phase);
    const T* const filter = packed + phase.packed_begin;
    std::int64_t p = 0;
    for (; p + kDepthwisePixels <= pixels; p += kDepthwisePixels)
      sum_pixels_of<kDepthwisePixels>(phase, p, strip.memory, filter, sums);
    for (; p < pixels; ++p) sum_pixels_of<1>(phase, p, strip.memory, filter, sums);
  }

  // All channels of `pixels` pixels from number `first` on: two vectors at a time, then one, then one by one.
  template <int pixels>
  void sum_pixels_of(const Phase& phase, std::int64_t first, const T* source, const T* filter, T* dest) const {
    const std::int64_t channels = plan_.source.strip_channels;
    const std::int64_t* const from = &phase.source_offsets[static_cast<std::size_t>(first)];
    const std::int64_t* const to = &phase.dest_offsets[static_cast<std::size_t>(first)];
    std::int64_t c = 0;
    for (; c + 2 * kLane <= channels; c += 2 * kLane)
      sum_channels<T, pixels, 2>(source + c, from, phase.runs, filter + c, channels, dest + c, to);
    for (; c + kLane <= channels; c += kLane)
      sum_channels<T, pixels, 1>(source + c, from, phase.runs, filter + c, channels, dest + c, to);
    for (; c < channels; ++c) {
      for (int m = 0; m < pixels; ++m) {
        const T* w = filter + c;
        T sum = 0;
        for (const Run& tap : phase.runs) {
          sum += source[from[m] + tap.offset + c] * *w;
          w += channels;
        }
        dest[to[m] + c] = sum;
      }
    }
  }
};

template <class S>
class DepthwiseFilter final : public StripKernel<S> {
  using Base = StripKernel<S>;
  using Base::plan_, Base::strip_space;
  using typename Base::Strip, typename Base::T;

 public:
  explicit DepthwiseFilter(const ConvGeometry& g) : Base(g, ConvDirection::kBackpropFilter, 1) {
    units_per_part_ =
        std::max<std::int64_t>({1, plan_.units_per_chunk, ceil_divide(plan_.units(), kMaxDepthwiseParts)});
    parts_ = ceil_divide(plan_.units(), units_per_part_);
    Base::reserve(plan_.packed_values * parts_, strip_space() + plan_.dest_strip_values());
  }

  void run(KernelContext& c, const ConvEpilogue* /*epilogue*/) override {
    const S* const source = c.input(0).template data<S>();
    const S* const dest = c.input(2).template data<S>();
    T* const sums = Base::shared_scratch(c);
    Base::for_strips(c, units_per_part_, [&](const Strip& strip) {
      T* const part = sums + strip.unit / units_per_part_ * plan_.packed_values;
      if (strip.unit % units_per_part_ == 0) std::fill(part, part + plan_.packed_values, T(0));
      Base::pack_source(source, strip);
      add_strip(strip, dest + strip.image * plan_.dest.image_values(), part);
    });
    // The parts in order, tap by tap; taps that only saw padding have none, and their gradient is 0.
    const std::int64_t channels = plan_.source.strip_channels;
    S* filter = c.output(0).template data<S>();
    std::fill(filter, filter + plan_.geometry.rows.window * plan_.geometry.columns.window * channels, S(0.0f));
    if (parts_ == 0) return;
    const std::vector<std::int64_t>& taps = plan_.phases[0].filter_taps;
    for (std::size_t t = 0; t < taps.size(); ++t) {
      for (std::int64_t k = 0; k < channels; ++k) {
        T sum = 0;
        for (std::int64_t part = 0; part < parts_; ++part) {
          sum += sums[part * plan_.packed_values + static_cast<std::int64_t>(t) * channels + k];
        }
        filter[taps[t] * channels + k] = static_cast<S>(sum);
      }
    }
  }

 private:
  void add_strip(const Strip& strip, const S* dest_image, T* part) const {
    T* const gradient = strip.memory + strip_space();
    const std::int64_t channels = plan_.source.strip_channels, rows = plan_.dest_rows(strip.index);
    pack_strip(dest_image, plan_.geometry.data_format, plan_.dest.h, plan_.dest.w, channels, 1,
               {plan_.dest_row(strip.index), 0, rows, plan_.dest.w}, gradient);
    const Phase& phase = plan_.phases[0];
    const auto pixels = static_cast<std::size_t>(rows * plan_.dest.w);
    for (std::size_t t = 0; t < phase.runs.size(); ++t) {
      const T* x = strip.memory + phase.runs[t].offset;
      T* result = part + static_cast<std::int64_t>(t) * channels;
      for_channels<T>(channels, [&](std::int64_t c, auto whole) {
        auto sum = zero<T>(whole);
        const T* y = gradient + c;
        for (std::size_t p = 0; p < pixels; ++p, y += channels) {
          if constexpr (whole) {
            sum += load(x + phase.source_offsets[p] + c) * load(y);
          } else {
            sum += x[phase.source_offsets[p] + c] * *y;
          }
        }
        if constexpr (whole) {
          store(result + c, load(result + c) + sum);
        } else {
          result[c] += sum;
        }
      });
    }
  }

  std::int64_t parts_ = 0, units_per_part_ = 1;
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_depthwise_image(const ConvGeometry& geometry, ConvDirection direction) {
  return std::make_unique<DepthwiseImage<S>>(geometry, direction);
}
template <class S>
std::unique_ptr<ConvKernel> make_depthwise_filter(const ConvGeometry& geometry) {
  return std::make_unique<DepthwiseFilter<S>>(geometry);
}
template std::unique_ptr<ConvKernel> make_depthwise_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<double>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<BFloat16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<float>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<double>(const ConvGeometry&);

}  // namespace gradus::cpu
