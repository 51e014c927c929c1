// What convolutions whose result is an image have in common: the filter is packed once, and the strips of all images are summed up one by
// one, each by one thread in the order of the filter's rows, so that the bits do not depend on the number of threads.
#pragma once

#include <span>

#include "gradus/backends/cpu/conv2d_strips.h"

namespace gradus::cpu {

template <class S>
class ImageKernel : public StripKernel<S> {
  using Base = StripKernel<S>;

 protected:
  using Base::plan_, Base::strip_space;
  using typename Base::Strip, typename Base::T;

  // `lanes` as ConvPlan's.
  ImageKernel(const ConvGeometry& g, ConvDirection direction, int lanes)
      : Base(g, direction, lanes),
        in_place_(std::is_same_v<S, T> && g.data_format == DataFormat::kNHWC && plan_.dest.repeat == 1 &&
                  plan_.dest.strip_channels == plan_.dest.channels) {
    for (const Phase& phase : plan_.phases) has_gaps_ |= phase.runs.empty();
  }

  // Memory for the packed filter, and of each worker for own use.
  void reserve(std::int64_t packed_values, std::int64_t worker_values = 0) {
    Base::reserve(packed_values, strip_space() + (in_place_ ? 0 : plan_.dest_strip_values()) + worker_values);
  }
  T* own_memory(const Strip& strip) const {
    return strip.memory + strip_space() + (in_place_ ? 0 : plan_.dest_strip_values());
  }

 public:
  void run(KernelContext& c, const ConvEpilogue* epilogue) final {
    const S* const source = c.input(plan_.to_input ? 2 : 0).template data<S>();
    S* const dest = c.output(0).template data<S>();
    T* const packed = Base::shared_scratch(c);
    pack_filter(c, c.input(1).template data<S>(), packed);
    Base::for_strips(c, source, plan_.units_per_chunk, [&](const Strip& strip) {
      write_strip(strip, packed, dest + strip.image * plan_.dest.image_values());
      if (epilogue != nullptr)
        epilogue->finish_rows(strip.image, plan_.dest_row(strip.index), plan_.dest_rows(strip.index));
    });
  }

 protected:
  virtual void pack_filter(KernelContext& c, const S* filter, T* packed) const = 0;
  // sums, [pixels][dest.strip_channels] = those of the strip's pixels in this phase, which has taps.
  virtual void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const = 0;

  std::int64_t pixels_of(const Strip& strip, const Phase& phase) const {
    return plan_.steps(strip.index, *phase.rows) * phase.columns->count;
  }
  // f(p, runs) for the strip's pixels in tiles, from number p on. A tile may lie in several rows of pixels: it takes the runs that any of
  // them sees, from its last row's first to its first row's last, since both ends descend.
  template <std::int64_t tile, class F>
  void for_tiles(const Strip& strip, const Phase& phase, F&& f) const {
    const std::int64_t pixels = pixels_of(strip, phase), columns = phase.columns->count;
    const std::int64_t first_step = strip.index * plan_.strips.steps;
    for (std::int64_t p = 0; p < pixels; p += tile) {
      const std::int64_t last = std::min(p + tile, pixels) - 1;
      const std::size_t begin = phase.row_runs[static_cast<std::size_t>(first_step + last / columns)].begin;
      const std::size_t end = phase.row_runs[static_cast<std::size_t>(first_step + p / columns)].end;
      f(p, std::span<const Run>(phase.runs.data() + begin, begin < end ? end - begin : 0));
    }
  }

 private:
  void write_strip(const Strip& strip, const T* packed, S* dest_image) const {
    const std::int64_t first_pixel = plan_.dest_row(strip.index) * plan_.dest.w;
    const std::int64_t pixels = plan_.dest_rows(strip.index) * plan_.dest.w;
    T* sums = strip.memory + strip_space();
    if constexpr (std::is_same_v<S, T>) {
      if (in_place_) sums = dest_image + first_pixel * plan_.dest.channels;
    }
    // With strides larger than the filter, pixels lie between the taps: 0, all of a strip at once.
    if (has_gaps_) std::fill(sums, sums + pixels * plan_.dest.strip_channels, T(0));
    for (const Phase& phase : plan_.phases) {
      if (!phase.runs.empty()) sum_strip(strip, phase, packed, sums);
    }
    if (in_place_) return;
    const StripChannels channels =
        plan_.depthwise ? StripChannels{plan_.dest.channels, 1, plan_.dest.strip_channels, plan_.dest.repeat}
                        : StripChannels{plan_.dest.channels, plan_.geometry.groups, plan_.padded_group_dest, 1};
    unpack_strip(sums, channels, plan_.geometry.data_format, plan_.dest.h * plan_.dest.w, first_pixel, pixels,
                 dest_image);
  }

  bool in_place_;          // sums are the output tensor's own values
  bool has_gaps_ = false;  // some pixels of the destination see nothing of the source
};

}  // namespace gradus::cpu
