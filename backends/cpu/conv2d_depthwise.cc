// Depthwise convolutions on the CPU: one input channel per group, so that the products along the channels are plain
// vector products. A strip has as many channels as the convolution's output: with a multiplier, each image channel is
// repeated in it, and for the image's gradient the repeated channels are added up when the strip is written.
#include "gradus/backends/cpu/conv2d_image_parts.h"

namespace gradus::cpu {
namespace {

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
    const std::int64_t channels = plan_.source.strip_channels;
    const T* const filter = packed + phase.packed_begin;
    std::int64_t c = 0;
    for (; c + 2 * kLane <= channels; c += 2 * kLane) sum_pixels<2>(strip, phase, c, filter, sums);
    for (; c + kLane <= channels; c += kLane) sum_pixels<1>(strip, phase, c, filter, sums);
    for (; c < channels; ++c) sum_channel(strip, phase, c, filter, sums);
  }

  // All pixels of `vectors` vectors of channels from c on.
  template <int vectors>
  void sum_pixels(const Strip& strip, const Phase& phase, std::int64_t c, const T* filter, T* sums) const {
    const std::int64_t channels = plan_.source.strip_channels, pixels = Base::pixels_of(strip, phase);
    const std::int64_t *from = phase.source_offsets.data(), *to = phase.dest_offsets.data();
    std::int64_t p = 0;
    for (; p + kDepthwisePixels <= pixels; p += kDepthwisePixels)
      sum_channels<T, kDepthwisePixels, vectors>(strip.memory + c, from + p, phase.runs, filter + c, channels, sums + c,
                                                 to + p);
    for (; p < pixels; ++p)
      sum_channels<T, 1, vectors>(strip.memory + c, from + p, phase.runs, filter + c, channels, sums + c, to + p);
  }
  void sum_channel(const Strip& strip, const Phase& phase, std::int64_t c, const T* filter, T* sums) const {
    const auto pixels = static_cast<std::size_t>(Base::pixels_of(strip, phase));
    for (std::size_t p = 0; p < pixels; ++p) {
      const T* w = filter + c;
      T sum = 0;
      for (const Run& tap : phase.runs) {
        sum += strip.memory[phase.source_offsets[p] + tap.offset + c] * *w;
        w += plan_.source.strip_channels;
      }
      sums[phase.dest_offsets[p] + c] = sum;
    }
  }
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_depthwise_image(const ConvGeometry& geometry, ConvDirection direction) {
  return std::make_unique<DepthwiseImage<S>>(geometry, direction);
}
template std::unique_ptr<ConvKernel> make_depthwise_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_depthwise_image<double>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
