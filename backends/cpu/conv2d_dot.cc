// Convolutions whose result is an image of few channels, as the gradient by a picture of 1 or 3 channels is: vectors of destination
// channels would be empty but for those. Here the vectors lie along the runs of the source, each result is a scalar product, and only at
// the end are its lanes added up. Otherwise as conv2d_image.cc.
#include "gradus/backends/cpu/conv2d_image_parts.h"

namespace gradus::cpu {
namespace {

// Results that are summed up together, in registers: pixels times channels.
constexpr int kDotChannels = kVectorRegisters == 32 ? 6 : 4;
template <int channels>
inline constexpr int kDotPixels = kVectorRegisters == 32 ? (channels == 1 ? 12 : 24 / channels)
                                  : channels == 1        ? 8
                                  : channels == 2        ? 6
                                  : channels == 3        ? 4
                                                         : 2;

template <class T>
Vector<T> first_lanes(Vector<T> v, std::int64_t count) {
  T numbers[kLanes<T>];
  for (int lane = 0; lane < kLanes<T>; ++lane) numbers[lane] = static_cast<T>(lane);
  return load(numbers) < static_cast<T>(count) ? v : Vector<T>{};
}

// dest[dest_offsets[m] + k] = sum over the runs of strip[source_offsets[m] + ...] * filter[k * filter_step + ...], for `count` pixels.
// The filter's runs are filled up to whole vectors; the source's last vector of a run is cut, since beyond it may lie an infinity.
template <class T, int channels>
[[gnu::noinline]] void dot_tile(const T* strip, const std::int64_t* source_offsets, std::span<const Run> runs,
                                const T* filter, std::int64_t filter_step, T* dest, const std::int64_t* dest_offsets,
                                std::int64_t count) {
  constexpr int pixels = kDotPixels<channels>;
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[pixels][channels] = {};
  const T* source[pixels];
  unrolled<pixels>([&](auto m) GRADUS_INLINE { source[m] = strip + source_offsets[m]; });
  const auto add_vector = [&](std::int64_t offset, auto&& cut) GRADUS_INLINE {
    Vector<T> weights[channels];
    unrolled<channels>([&](auto k) GRADUS_INLINE { weights[k] = load(filter + k * filter_step); });
    unrolled<pixels>([&](auto m) GRADUS_INLINE {
      const Vector<T> x = cut(load(source[m] + offset));
      unrolled<channels>([&](auto k) GRADUS_INLINE { sums[m][k] += x * weights[k]; });
    });
    filter += lanes;
  };
  for (const Run& run : runs) {
    std::int64_t i = 0;
    for (; i + lanes <= run.length; i += lanes) add_vector(run.offset + i, [](const Vector<T>& x) { return x; });
    if (i < run.length)
      add_vector(run.offset + i, [&](const Vector<T>& x) { return first_lanes<T>(x, run.length - i); });
  }
  unrolled<pixels>([&](auto m) GRADUS_INLINE {
    unrolled<channels>([&](auto k) GRADUS_INLINE {
      if (m < count) dest[dest_offsets[m] + k] = sum_of_lanes<T, lanes>(sums[m][k]);
    });
  });
}

template <class S>
class DotImage final : public ImageKernel<S> {
  using Base = ImageKernel<S>;
  using Base::plan_;
  using typename Base::Strip, typename Base::T;

 public:
  DotImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, 1) {
    std::int64_t packed_values = 0;
    for (const Phase& phase : plan_.phases) {
      filters_.push_back({packed_values, {0}});
      std::vector<std::int64_t>& begins = filters_.back().run_begins;
      for (const Run& run : phase.runs) begins.push_back(begins.back() + round_up(run.length, kLanes<T>));
      packed_values += g.groups * plan_.dest.group_channels * begins.back();
    }
    Base::reserve(packed_values);
    fill_up_tiles();
  }

 private:
  // A tile of pixels reads its offsets whole: the last one repeats its last pixel, or goes on with pixels of the copied strip.
  void fill_up_tiles() {
    for (Phase& phase : plan_.phases) {
      if (phase.source_offsets.empty()) continue;
      phase.source_offsets.resize(phase.source_offsets.size() + static_cast<std::size_t>(kDotPixels<1>),
                                  phase.source_offsets.back());
    }
  }

  // Where a phase's filter lies: [groups][group_channels] of all runs one after the other, each filled up to whole vectors.
  struct PhaseFilter {
    std::int64_t begin;
    std::vector<std::int64_t> run_begins;  // and the end
  };
  const PhaseFilter& filter_of(const Phase& phase) const {
    return filters_[static_cast<std::size_t>(&phase - plan_.phases.data())];
  }

  void pack_filter(KernelContext& /*c*/, const S* filter, T* packed) const override {
    const ConvGeometry& g = plan_.geometry;
    const std::int64_t source_step = plan_.to_input ? 1 : g.out_channels,
                       dest_step = plan_.to_input ? g.out_channels : 1;
    const std::int64_t inner = plan_.source.group_channels;
    for (const Phase& phase : plan_.phases) {
      T* to = packed + filter_of(phase).begin;
      for (std::int64_t i = 0; i < g.groups * plan_.dest.group_channels; ++i) {
        const std::int64_t group = i / plan_.dest.group_channels, channel = i % plan_.dest.group_channels;
        const S* const from = filter + group * g.group_out() + channel * dest_step;
        for (const Run& run : phase.runs) {
          for (std::int64_t v = 0; v < run.length; ++v) {
            const std::int64_t row = run.row + v, tap = phase.filter_taps[static_cast<std::size_t>(row / inner)];
            *to++ = static_cast<T>(from[tap * g.group_in() * g.out_channels + row % inner * source_step]);
          }
          for (std::int64_t v = run.length; v % kLanes<T> != 0; ++v) *to++ = T(0);
        }
      }
    }
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    const std::int64_t channels = plan_.dest.group_channels, blocks = ceil_divide(channels, kDotChannels);
    for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
      const T* const from = strip.memory + group * plan_.source.group_channels;
      for (std::int64_t b = 0, k = 0; b < blocks; ++b) {  // of nearly equal size
        const std::int64_t channel = group * channels + k, end = channels * (b + 1) / blocks;
        const T* const filter = packed + filter_of(phase).begin + channel * filter_of(phase).run_begins.back();
        unrolled<kDotChannels>([&](auto i) {
          if (i + 1 == end - k) sum_channels<i + 1>(strip, phase, from, filter, sums + channel);
        });
        k = end;
      }
    }
  }

  template <int channels>
  void sum_channels(const Strip& strip, const Phase& phase, const T* source, const T* filter, T* dest) const {
    const std::vector<std::int64_t>& begins = filter_of(phase).run_begins;
    const std::int64_t pixels = Base::pixels_of(strip, phase);
    Base::template for_tiles<kDotPixels<channels>>(strip, phase, [&](std::int64_t p, std::span<const Run> runs) {
      const std::int64_t begin = begins[static_cast<std::size_t>(runs.data() - phase.runs.data())];
      dot_tile<T, channels>(source, &phase.source_offsets[static_cast<std::size_t>(p)], runs, filter + begin,
                            begins.back(), dest, &phase.dest_offsets[static_cast<std::size_t>(p)], pixels - p);
    });
  }

  std::vector<PhaseFilter> filters_;
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_dot_image(const ConvGeometry& g, ConvDirection direction) {
  const bool to_input = direction == ConvDirection::kBackpropInput;
  const std::int64_t dests = to_input ? g.group_in() : g.group_out(), sources = to_input ? g.group_out() : g.group_in();
  // Taps lie side by side without strides and dilations: a whole row of them is a run.
  const bool joined = g.columns.stride == 1 && g.columns.dilation == 1 && g.groups == 1;
  const std::int64_t run = sources * (joined ? g.columns.window : 1);
  constexpr std::int64_t lanes = kLanes<Compute<S>>;
  if (2 * dests > lanes || run < 2 * lanes) return nullptr;
  return std::make_unique<DotImage<S>>(g, direction);
}
template std::unique_ptr<ConvKernel> make_dot_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_dot_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_dot_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_dot_image<double>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
