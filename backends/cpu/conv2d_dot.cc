// Convolutions whose result is an image of few channels, as the gradient by a picture of 1 or 3 channels is: vectors of destination
// channels would be empty but for those. Here the vectors lie along the runs of the source, each result is a scalar product, and only at
// the end are its lanes added up. Otherwise as conv2d_image.cc: packed strips, sums in registers, one thread per result.
#include "gradus/backends/cpu/conv2d_strips.h"

namespace gradus::cpu {
namespace {

// Results that are summed up together, in registers: pixels times channels.
template <int channels>
inline constexpr int kDotPixels = channels == 1   ? 8
                                  : channels == 2 ? 6
                                  : channels == 3 ? 4
                                                  : 2;
constexpr int kDotChannels = 4;

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
      T sum = sums[m][k][0];
      unrolled<lanes - 1>([&](auto lane) GRADUS_INLINE { sum += sums[m][k][lane + 1]; });
      if (m < count) dest[dest_offsets[m] + k] = sum;
    });
  });
}

template <class S>
class DotImage final : public StripKernel<S> {
  using Base = StripKernel<S>;
  using Base::kLane, Base::plan_, Base::strip_space;
  using typename Base::Strip, typename Base::T;

 public:
  DotImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, 1) {
    direct_ = std::is_same_v<S, T> && g.data_format == DataFormat::kNHWC;
    std::int64_t packed_values = 0;
    for (Phase& phase : plan_.phases) {
      filters_.push_back({packed_values, {0}});
      for (const Run& run : phase.runs)
        filters_.back().run_begins.push_back(filters_.back().run_begins.back() + round_up(run.length, kLane));
      packed_values += g.groups * plan_.dest.group_channels * filters_.back().run_begins.back();
      // A tile reads whole: the last one repeats its last pixel.
      if (!phase.source_offsets.empty())
        phase.source_offsets.resize(phase.source_offsets.size() + kDotPixels<1>, phase.source_offsets.back());
    }
    Base::reserve(packed_values, strip_space() + (direct_ ? 0 : plan_.dest_strip_values()));
  }

  void run(KernelContext& c, const ConvEpilogue* epilogue) override {
    const S* const source = c.input(plan_.to_input ? 2 : 0).template data<S>();
    S* const dest = c.output(0).template data<S>();
    T* const packed = Base::shared_scratch(c);
    pack_filter(c.input(1).template data<S>(), packed);
    Base::for_strips(c, plan_.units_per_chunk, [&](const Strip& strip) {
      Base::pack_source(source, strip);
      sum_strip(strip, packed, dest + strip.image * plan_.dest.image_values());
      Base::finish_strip(strip, epilogue);
    });
  }

 private:
  // Where a phase's filter lies: [groups][group_channels] of all runs one after the other, each filled up to whole vectors.
  struct PhaseFilter {
    std::int64_t begin;
    std::vector<std::int64_t> run_begins;  // and the end
  };

  void pack_filter(const S* filter, T* packed) const {
    const ConvGeometry& g = plan_.geometry;
    const std::int64_t source_step = plan_.to_input ? 1 : g.out_channels,
                       dest_step = plan_.to_input ? g.out_channels : 1;
    const std::int64_t inner = plan_.source.group_channels;
    for (std::size_t p = 0; p < plan_.phases.size(); ++p) {
      const Phase& phase = plan_.phases[p];
      T* to = packed + filters_[p].begin;
      for (std::int64_t i = 0; i < g.groups * plan_.dest.group_channels; ++i) {
        const std::int64_t group = i / plan_.dest.group_channels, channel = i % plan_.dest.group_channels;
        const S* const from = filter + group * g.group_out() + channel * dest_step;
        for (const Run& run : phase.runs) {
          for (std::int64_t v = 0; v < run.length; ++v) {
            const std::int64_t row = run.row + v, tap = phase.filter_taps[static_cast<std::size_t>(row / inner)];
            *to++ = static_cast<T>(from[tap * g.group_in() * g.out_channels + row % inner * source_step]);
          }
          for (std::int64_t v = run.length; v % kLane != 0; ++v) *to++ = T(0);
        }
      }
    }
  }

  void sum_strip(const Strip& strip, const T* packed, S* dest_image) const {
    const std::int64_t first_pixel = plan_.dest_row(strip.index) * plan_.dest.w, channels = plan_.dest.group_channels;
    T* sums = strip.memory + strip_space();
    if constexpr (std::is_same_v<S, T>) {
      if (direct_) sums = dest_image + first_pixel * plan_.dest.channels;
    }
    for (std::size_t p = 0; p < plan_.phases.size(); ++p) {
      const std::int64_t filter_step = filters_[p].run_begins.back();
      for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
        for (std::int64_t k = 0; k < channels; k += kDotChannels) {
          const std::int64_t channel = group * channels + k;
          const T* const filter = packed + filters_[p].begin + channel * filter_step;
          const T* const from = strip.memory + group * plan_.source.group_channels;
          switch (std::min<std::int64_t>(channels - k, kDotChannels)) {
            case 1: sum_channels<1>(p, strip, from, filter, sums + channel); break;
            case 2: sum_channels<2>(p, strip, from, filter, sums + channel); break;
            case 3: sum_channels<3>(p, strip, from, filter, sums + channel); break;
            default: sum_channels<4>(p, strip, from, filter, sums + channel);
          }
        }
      }
    }
    if (direct_) return;
    unpack_strip(sums, {plan_.dest.channels, plan_.geometry.groups, channels, 1}, plan_.geometry.data_format,
                 plan_.dest.h * plan_.dest.w, first_pixel, plan_.dest_rows(strip.index) * plan_.dest.w, dest_image);
  }

  // As ImageKernel::sum_panel().
  template <int channels>
  void sum_channels(std::size_t number, const Strip& strip, const T* source, const T* filter, T* dest) const {
    const Phase& phase = plan_.phases[number];
    const std::int64_t columns = phase.columns->count, pixels = plan_.steps(strip.index, *phase.rows) * columns;
    const std::int64_t first_step = strip.index * plan_.strips.steps;
    for (std::int64_t p = 0; p < pixels; p += kDotPixels<channels>) {
      const std::int64_t last = std::min(p + kDotPixels<channels>, pixels) - 1;
      const std::size_t begin = phase.row_runs[static_cast<std::size_t>(first_step + last / columns)].begin;
      const std::size_t end = phase.row_runs[static_cast<std::size_t>(first_step + p / columns)].end;
      const std::span<const Run> runs(phase.runs.data() + begin, begin < end ? end - begin : 0);
      dot_tile<T, channels>(source, &phase.source_offsets[static_cast<std::size_t>(p)], runs,
                            filter + filters_[number].run_begins[begin], filters_[number].run_begins.back(), dest,
                            &phase.dest_offsets[static_cast<std::size_t>(p)], pixels - p);
    }
  }

  std::vector<PhaseFilter> filters_;
  bool direct_ = false;  // results go straight into the output tensor
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
