// Depthwise convolutions on the CPU: one input channel per group, so that the products along the channels are plain
// vector products. A strip has as many channels as the convolution's output: with a multiplier, each image channel is
// repeated in it, and for the image's gradient the repeated channels are added up when the strip is written.
#include "gradus/backends/cpu/conv2d_kernel.h"
#include "gradus/backends/cpu/conv2d_pack.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kMaxParts = 16;

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
class DepthwiseKernel : public ConvKernel {
 protected:
  using T = Compute<S>;
  DepthwiseKernel(const ConvGeometry& g, ConvPlan::Kind kind) : ConvKernel(g, kind, sizeof(T), 1) {}

  std::int64_t strip_space() const { return (plan_.strip_values() + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }

  void pack_source(const S* source, std::int64_t image, std::int64_t index, T* strip) const {
    pack_strip(source + image * plan_.source_h * plan_.source_w * plan_.source_channels, plan_.geometry.data_format,
               plan_.source_h, plan_.source_w, plan_.source_channels, plan_.source_repeat,
               {plan_.source_row(index), plan_.first_source_column, plan_.strip_rows, plan_.strip_columns}, strip);
  }
};

template <class S>
class DepthwiseWindows final : public DepthwiseKernel<S> {
  using Base = DepthwiseKernel<S>;
  using T = typename Base::T;
  using Base::plan_;

 public:
  DepthwiseWindows(const ConvGeometry& g, ConvPlan::Kind kind) : Base(g, kind) {
    this->template reserve<T>(plan_.packed_values, Base::strip_space() + plan_.dest_strip_values());
  }

  void run(KernelContext& c) override {
    const S* source = c.input(plan_.kind == ConvPlan::Kind::kForward ? 0 : 2).template data<S>();
    const S* filter = c.input(1).template data<S>();
    S* dest = c.output(0).template data<S>();
    T* packed = this->template shared_scratch<T>(c);
    for (const Phase& phase : plan_.phases) {
      T* to = packed + phase.packed_begin;
      for (const std::int64_t tap : phase.filter_taps)  // [taps][channels]
        for (std::int64_t k = 0; k < plan_.strip_channels; ++k)
          *to++ = static_cast<T>(filter[tap * plan_.strip_channels + k]);
    }
    c.parallel_for_worker(plan_.units(), plan_.units_per_chunk, [&](std::int64_t begin, std::int64_t end, int worker) {
      for (std::int64_t unit = begin; unit < end; ++unit) {
        run_strip(source, packed, this->template worker_scratch<T>(c, worker), unit / plan_.strips, unit % plan_.strips,
                  dest);
      }
    });
  }

 private:
  void run_strip(const S* source, const T* packed, T* strip, std::int64_t image, std::int64_t index, S* dest) const {
    Base::pack_source(source, image, index, strip);
    T* sums = strip + Base::strip_space();
    for (const Phase& phase : plan_.phases) {
      const auto pixels = static_cast<std::size_t>(plan_.steps(index, *phase.rows) * phase.columns->count);
      for (std::size_t p = 0; p < pixels; ++p) {
        sum_pixel(strip + phase.source_offsets[p], packed + phase.packed_begin, phase.runs,
                  sums + phase.dest_offsets[p]);
      }
    }
    unpack_strip(sums, {plan_.dest_channels, 1, plan_.dest_strip_channels, plan_.dest_repeat},
                 plan_.geometry.data_format, plan_.dest_h * plan_.dest_w, plan_.dest_row(index) * plan_.dest_w,
                 plan_.dest_rows(index) * plan_.dest_w,
                 dest + image * plan_.dest_h * plan_.dest_w * plan_.dest_channels);
  }

  // dest[c] = sum over the taps of source[tap][c] * filter[tap][c]
  void sum_pixel(const T* source, const T* filter, const std::vector<Run>& taps, T* dest) const {
    const std::int64_t channels = plan_.strip_channels;
    for_channels<T>(channels, [&](std::int64_t c, auto whole) {
      const T* w = filter + c;
      auto sum = zero<T>(whole);
      for (const Run& tap : taps) {
        if constexpr (whole) {
          sum += load(source + tap.offset + c) * load(w);
        } else {
          sum += source[tap.offset + c] * *w;
        }
        w += channels;
      }
      if constexpr (whole) {
        store(dest + c, sum);
      } else {
        dest[c] = sum;
      }
    });
  }
};

template <class S>
class DepthwiseFilter final : public DepthwiseKernel<S> {
  using Base = DepthwiseKernel<S>;
  using T = typename Base::T;
  using Base::plan_;

 public:
  explicit DepthwiseFilter(const ConvGeometry& g) : Base(g, ConvPlan::Kind::kForward) {
    units_per_part_ = std::max<std::int64_t>({1, plan_.units_per_chunk, (plan_.units() + kMaxParts - 1) / kMaxParts});
    parts_ = (plan_.units() + units_per_part_ - 1) / units_per_part_;
    this->template reserve<T>(plan_.packed_values * parts_, Base::strip_space() + plan_.dest_strip_values());
  }

  void run(KernelContext& c) override {
    const S* source = c.input(0).template data<S>();
    const S* dest = c.input(2).template data<S>();
    T* sums = this->template shared_scratch<T>(c);
    c.parallel_for_worker(plan_.units(), units_per_part_, [&](std::int64_t begin, std::int64_t end, int worker) {
      T* part = sums + begin / units_per_part_ * plan_.packed_values;
      std::fill(part, part + plan_.packed_values, T(0));
      for (std::int64_t unit = begin; unit < end; ++unit) {
        add_strip(source, dest, this->template worker_scratch<T>(c, worker), unit / plan_.strips, unit % plan_.strips,
                  part);
      }
    });
    // The parts in order, tap by tap; taps that only saw padding have none, and their gradient is 0.
    const std::int64_t channels = plan_.strip_channels;
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
  void add_strip(const S* source, const S* dest, T* strip, std::int64_t image, std::int64_t index, T* part) const {
    Base::pack_source(source, image, index, strip);
    T* gradient = strip + Base::strip_space();
    const std::int64_t channels = plan_.strip_channels, rows = plan_.dest_rows(index);
    pack_strip(dest + image * plan_.dest_h * plan_.dest_w * channels, plan_.geometry.data_format, plan_.dest_h,
               plan_.dest_w, channels, 1, {plan_.dest_row(index), 0, rows, plan_.dest_w}, gradient);
    const Phase& phase = plan_.phases[0];
    const auto pixels = static_cast<std::size_t>(rows * plan_.dest_w);
    for (std::size_t t = 0; t < phase.runs.size(); ++t) {
      const T* x = strip + phase.runs[t].offset;
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
std::unique_ptr<ConvKernel> make_depthwise_windows(const ConvGeometry& geometry, ConvPlan::Kind kind) {
  return std::make_unique<DepthwiseWindows<S>>(geometry, kind);
}
template <class S>
std::unique_ptr<ConvKernel> make_depthwise_filter(const ConvGeometry& geometry) {
  return std::make_unique<DepthwiseFilter<S>>(geometry);
}
template std::unique_ptr<ConvKernel> make_depthwise_windows<Float16>(const ConvGeometry&, ConvPlan::Kind);
template std::unique_ptr<ConvKernel> make_depthwise_windows<float>(const ConvGeometry&, ConvPlan::Kind);
template std::unique_ptr<ConvKernel> make_depthwise_windows<double>(const ConvGeometry&, ConvPlan::Kind);
template std::unique_ptr<ConvKernel> make_depthwise_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<float>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_depthwise_filter<double>(const ConvGeometry&);

}  // namespace gradus::cpu
