// What the convolution kernels have in common: the plan, their scratch memory, and the walk over the strips of all images.
#pragma once

#include "gradus/backends/cpu/conv2d_kernel.h"
#include "gradus/backends/cpu/conv2d_pack.h"

namespace gradus::cpu {

// S is the tensors' element type. `lanes` as ConvPlan's.
template <class S>
class StripKernel : public ConvKernel {
 protected:
  using T = Compute<S>;
  static constexpr std::int64_t kLane = kLanes<T>;

  StripKernel(const ConvGeometry& geometry, ConvDirection direction, int lanes)
      : plan_(geometry, direction, sizeof(T), lanes) {}

 public:
  // A part that all workers share, then one part per worker.
  std::size_t scratch_bytes(int workers) const final {
    return shared_bytes_ + static_cast<std::size_t>(workers) * worker_bytes_;
  }

 protected:
  void reserve(std::int64_t shared_values, std::int64_t worker_values) {
    shared_bytes_ = aligned(shared_values);
    worker_bytes_ = aligned(worker_values);
  }
  static T* shared_scratch(KernelContext& c) { return c.scratch<T>(); }

  // The source is read where it is: strips have no copy of it. Before reserve().
  void read_in_place() { packs_source_ = false; }
  // Where the copy of a strip would be what the tensor is. For kernels that read no value but those of windows. (1x1 kernels: 1.05 to 1.25
  // times as fast; gradients by filters no faster, since they go through a strip several times.)
  void read_rows_in_place() {
    if (std::is_same_v<S, T> && plan_.geometry.data_format == DataFormat::kNHWC && plan_.strips.rows_of_image)
      read_in_place();
  }

  bool reads_rows_in_place() const { return !packs_source_ && plan_.strips.rows_of_image; }

  // Values of a source strip's copy, rounded up so that what lies behind it is aligned.
  std::int64_t strip_space() const { return packs_source_ ? round_up(plan_.strip_values(), kLane) : 0; }

  // Strip `index` of an image, number `unit` of all; `memory` is the worker's own and begins with the copy of the source's values, which
  // come from the image `source`. `values`: that copy, or with read_rows_in_place() the rows of the image themselves; of
  // no use with read_in_place() alone.
  struct Strip {
    std::int64_t unit, image, index;
    const S* source;
    T* memory;
    const T* values;
  };
  // f(strip) for all strips of the tensor `source`, in parallel: those of a chunk one after the other.
  template <class F>
  void for_strips(KernelContext& c, const S* source, std::int64_t units_per_chunk, F&& f) const {
    c.parallel_for_worker(plan_.units(), units_per_chunk, [&](std::int64_t begin, std::int64_t end, int worker) {
      T* const memory =
          reinterpret_cast<T*>(c.scratch<char>() + shared_bytes_ + static_cast<std::size_t>(worker) * worker_bytes_);
      for (std::int64_t unit = begin; unit < end; ++unit) {
        const std::int64_t image = unit / plan_.strips.count;
        Strip strip{unit,   image, unit % plan_.strips.count, source + image * plan_.source.image_values(),
                    memory, memory};
        if (packs_source_) {
          pack_source(strip);
        } else if constexpr (std::is_same_v<S, T>) {
          if (plan_.strips.rows_of_image)
            strip.values = strip.source + plan_.source_row(strip.index) * plan_.source.w * plan_.source.channels;
        }
        f(strip);
      }
    });
  }

  ConvPlan plan_;

 private:
  // Copies the strip of the source into its memory, also where some of its pixels are skipped: read in place, a 1x1 convolution with a
  // stride took 1.4 times as long or more. A tile waits for memory pixel by pixel; the copy fetches far ahead.
  void pack_source(const Strip& strip) const {
    const ConvPlan::Side& from = plan_.source;
    pack_strip(strip.source, plan_.geometry.data_format, from.h, from.w, from.channels, from.repeat,
               {plan_.source_row(strip.index), plan_.strips.first_column, plan_.strips.rows, plan_.strips.columns,
                plan_.strips.row_step},
               from.strip_channels, strip.memory);
  }

  // Whole cache lines, and one more, so that the workers' parts do not start at the same place of a cache's sets.
  static std::size_t aligned(std::int64_t values) {
    return static_cast<std::size_t>(round_up(values * static_cast<std::int64_t>(sizeof(T)), 64)) + 64;
  }
  std::size_t shared_bytes_ = 0, worker_bytes_ = 0;
  bool packs_source_ = true;
};

}  // namespace gradus::cpu
