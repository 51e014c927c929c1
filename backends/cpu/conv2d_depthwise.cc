// Depthwise convolutions on the CPU: one input channel per group, so that the products along the channels are plain
// vector products. A strip has as many channels as the convolution's output: with a multiplier, each image channel is
// repeated in it, and for the image's gradient the repeated channels are added up when the strip is written.
#include "gradus/backends/cpu/conv2d_image_parts.h"
#include "gradus/backends/cpu/conv2d_tiles.h"

namespace gradus::cpu {
namespace {

// Pixels that are summed up together: each vector of the filter is fetched once for all of them.
constexpr int kPixels = kTilePixels<2>;

// dest[dest_offsets[m] + lane] = sum over the taps of source[source_offsets[m] + tap.offset + lane] * filter[tap][lane], for a block of
// `vectors` vectors of channels and `pixels` pixels.
template <class T, int pixels, int vectors>
void sum_channels(const T* source, const std::int64_t* source_offsets, const std::vector<Run>& taps, const T* filter,
                  T* dest, const std::int64_t* dest_offsets) {
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
    filter += vectors * lanes;
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
  // f(c, block) for the channels c, c + 1, ... of each block: two vectors, one, or single channels.
  template <class F>
  void for_blocks(F&& f) const {
    const std::int64_t channels = plan_.geometry.out_channels;
    std::int64_t c = 0;
    for (; c + 2 * kLane <= channels; c += 2 * kLane) f(c, std::integral_constant<std::int64_t, 2 * kLane>());
    for (; c + kLane <= channels; c += kLane) f(c, std::integral_constant<std::int64_t, kLane>());
    for (; c < channels; ++c) f(c, std::integral_constant<std::int64_t, 1>());
  }

  // Block by block, [taps][channels of the block].
  void pack_filter(KernelContext& /*c*/, const S* filter, T* packed) const override {
    for (const Phase& phase : plan_.phases) {
      T* to = packed + phase.packed_begin;
      for_blocks([&](std::int64_t c, auto block) {
        for (const std::int64_t tap : phase.filter_taps)
          for (std::int64_t k = c; k < c + block; ++k)
            *to++ = static_cast<T>(filter[tap * plan_.geometry.out_channels + k]);
      });
    }
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    const auto taps = static_cast<std::int64_t>(phase.filter_taps.size()), pixels = Base::pixels_of(strip, phase);
    const std::int64_t *const from = phase.source_offsets.data(), *const to = phase.dest_offsets.data();
    for_blocks([&](std::int64_t c, auto block) {
      const T* const source = strip.memory + c;
      const T* const filter = packed + phase.packed_begin + c * taps;
      std::int64_t p = 0;
      if constexpr (block > 1) {
        constexpr int vectors = block / kLane;
        for (; p + kPixels <= pixels; p += kPixels)
          sum_channels<T, kPixels, vectors>(source, from + p, phase.runs, filter, sums + c, to + p);
        for (; p < pixels; ++p) sum_channels<T, 1, vectors>(source, from + p, phase.runs, filter, sums + c, to + p);
      } else {
        for (; p < pixels; ++p) {
          T sum = 0;
          for (std::int64_t t = 0; t < taps; ++t)
            sum += source[from[p] + phase.runs[static_cast<std::size_t>(t)].offset] * filter[t];
          sums[to[p] + c] = sum;
        }
      }
    });
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
