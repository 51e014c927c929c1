// Conv2D and Conv2DBackpropInput on the CPU: a direct convolution. A tile of pixels times one or two vectors of
// destination channels is summed up in registers; source values are read in place from the packed strip, the filter
// from packed panels. Every result is summed by one thread in the order of the filter's rows, so its bits do not depend
// on the number of threads.
#include "gradus/backends/cpu/conv2d_kernel.h"
#include "gradus/backends/cpu/conv2d_pack.h"

namespace gradus::cpu {
namespace {

// Pixels of a tile: as many sums as fit in the registers beside the filter's vectors and one source value.
template <int vectors>
inline constexpr int kTilePixels = kVectorRegisters == 32 ? (vectors == 2 ? 12 : 16) : (vectors == 2 ? 6 : 8);

// dest[offsets_d[m] + 0 .. vectors*lanes) = sum over the runs' values of strip[offsets_s[m] + ...] * panel[row], for
// `count` pixels. [count pixels, filter_rows] x [filter_rows, vectors * lanes]
template <class T, int vectors>
[[gnu::noinline]] void sum_tile(const T* strip, const std::int64_t* source_offsets, const Run* runs,
                                std::size_t num_runs, const T* panel, T* dest, const std::int64_t* dest_offsets,
                                std::int64_t count) {
  constexpr int pixels = kTilePixels<vectors>;
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[pixels][vectors] = {};
  for (const Run* run = runs; run != runs + num_runs; ++run) {
    const T* source[pixels];
    for (int m = 0; m < pixels; ++m) source[m] = strip + source_offsets[m] + run->offset;
    for (std::int64_t i = 0; i < run->length; ++i, panel += vectors * lanes) {
      Vector<T> weights[vectors];
      for (int v = 0; v < vectors; ++v) weights[v] = load(panel + v * lanes);
      for (int m = 0; m < pixels; ++m)
        for (int v = 0; v < vectors; ++v) sums[m][v] += source[m][i] * weights[v];
    }
  }
  for (int m = 0; m < pixels; ++m) {
    if (m >= count) break;
    for (int v = 0; v < vectors; ++v) store(dest + dest_offsets[m] + v * lanes, sums[m][v]);
  }
}

template <class S>
class WindowsKernel final : public ConvKernel {
  using T = Compute<S>;
  static constexpr std::int64_t kLane = kLanes<T>;

 public:
  WindowsKernel(const ConvGeometry& g, ConvPlan::Kind kind) : ConvKernel(g, kind, sizeof(T), kLanes<T>) {
    direct_ = std::is_same_v<S, T> && g.data_format == DataFormat::kNHWC && plan_.padded_group_dest == plan_.group_dest;
    reserve<T>(plan_.packed_values, strip_space() + (direct_ ? 0 : plan_.dest_strip_values()));
    // A tile reads whole: the last one repeats its last pixel.
    for (Phase& phase : plan_.phases) {
      if (phase.source_offsets.empty()) continue;
      phase.source_offsets.resize(phase.source_offsets.size() + kTilePixels<1>, phase.source_offsets.back());
    }
  }

  void run(KernelContext& c) override {
    const bool forward = plan_.kind == ConvPlan::Kind::kForward;
    const S* source = c.input(forward ? 0 : 2).data<S>();
    const S* filter = c.input(1).data<S>();
    S* dest = c.output(0).data<S>();
    pack_filter(c, filter);
    c.parallel_for_worker(plan_.units(), plan_.units_per_chunk, [&](std::int64_t begin, std::int64_t end, int worker) {
      for (std::int64_t unit = begin; unit < end; ++unit) {
        run_strip(c, source, dest, unit / plan_.strips, unit % plan_.strips, worker);
      }
    });
  }

 private:
  // Rounded up, so that the destination strip behind it is aligned.
  std::int64_t strip_space() const { return (plan_.strip_values() + kLane - 1) / kLane * kLane; }

  // Calls body(phase, group, column, vectors, offset of the panel) for every panel of the packed filter.
  template <class F>
  void for_each_panel(const Phase& phase, std::int64_t group, F&& body) const {
    std::int64_t offset = phase.packed_begin + group * phase.filter_rows * plan_.padded_group_dest;
    for (std::int64_t column = 0; column < plan_.padded_group_dest;) {
      const int vectors = plan_.padded_group_dest - column >= 2 * kLane ? 2 : 1;
      body(column, vectors, offset);
      offset += phase.filter_rows * vectors * kLane;
      column += vectors * kLane;
    }
  }

  void pack_filter(KernelContext& c, const S* filter) {
    T* packed = shared_scratch<T>(c);
    const std::int64_t groups = plan_.geometry.groups;
    const std::int64_t per_chunk =
        1 + 65536 * groups * static_cast<std::int64_t>(plan_.phases.size()) / (plan_.packed_values + 1);
    c.parallel_for(static_cast<std::int64_t>(plan_.phases.size()) * groups, per_chunk,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       const Phase& phase = plan_.phases[static_cast<std::size_t>(i / groups)];
                       for_each_panel(phase, i % groups, [&](std::int64_t column, int vectors, std::int64_t offset) {
                         pack_panel(plan_, phase, filter, i % groups, column, vectors * kLane, packed + offset);
                       });
                     }
                   });
  }

  void run_strip(KernelContext& c, const S* source, S* dest, std::int64_t image, std::int64_t index, int worker) {
    const ConvGeometry& g = plan_.geometry;
    const T* packed = shared_scratch<T>(c);
    T* strip = worker_scratch<T>(c, worker);
    const S* source_image = source + image * plan_.source_h * plan_.source_w * plan_.source_channels;
    S* dest_image = dest + image * plan_.dest_h * plan_.dest_w * plan_.dest_channels;
    pack_strip(source_image, g.data_format, plan_.source_h, plan_.source_w, plan_.source_channels, 1,
               {plan_.source_row(index), plan_.first_source_column, plan_.strip_rows, plan_.strip_columns}, strip);
    const std::int64_t first_pixel = plan_.dest_row(index) * plan_.dest_w;
    T* sums = strip + strip_space();
    if constexpr (std::is_same_v<S, T>) {
      if (direct_) sums = dest_image + first_pixel * plan_.dest_channels;
    }
    for (const Phase& phase : plan_.phases) {
      const std::int64_t pixels = plan_.steps(index, *phase.rows) * phase.columns->count;
      for (std::int64_t group = 0; group < g.groups; ++group) {
        for_each_panel(phase, group, [&](std::int64_t column, int vectors, std::int64_t offset) {
          const T* from = strip + group * plan_.group_source;
          T* to = sums + group * plan_.padded_group_dest + column;
          const std::int64_t first_step = index * plan_.rows_per_strip;
          vectors == 2 ? sum_panel<2>(phase, first_step, pixels, from, packed + offset, to)
                       : sum_panel<1>(phase, first_step, pixels, from, packed + offset, to);
        });
      }
    }
    if (direct_) return;
    unpack_strip(sums, {plan_.dest_channels, g.groups, plan_.padded_group_dest, 1}, g.data_format,
                 plan_.dest_h * plan_.dest_w, first_pixel, plan_.dest_rows(index) * plan_.dest_w, dest_image);
  }

  // One panel for the strip's pixels, a tile at a time, with the runs that the tile's first or last row sees.
  template <int vectors>
  static void sum_panel(const Phase& phase, std::int64_t first_step, std::int64_t pixels, const T* strip,
                        const T* panel, T* dest) {
    constexpr std::int64_t tile = kTilePixels<vectors>;
    const std::int64_t columns = phase.columns->count;
    for (std::int64_t p = 0; p < pixels; p += tile) {
      const std::int64_t last = std::min(p + tile, pixels) - 1;
      const std::size_t begin = phase.row_runs[static_cast<std::size_t>(first_step + last / columns)].begin;
      const std::size_t end = phase.row_runs[static_cast<std::size_t>(first_step + p / columns)].end;
      const T* rows = begin < end ? panel + phase.runs[begin].row * vectors * kLane : panel;
      sum_tile<T, vectors>(strip, &phase.source_offsets[static_cast<std::size_t>(p)], phase.runs.data() + begin,
                           begin < end ? end - begin : 0, rows, dest, &phase.dest_offsets[static_cast<std::size_t>(p)],
                           pixels - p);
    }
  }

  bool direct_ = false;  // results go straight into the output tensor
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_conv2d_windows(const ConvGeometry& geometry, ConvPlan::Kind kind) {
  return std::make_unique<WindowsKernel<S>>(geometry, kind);
}
template std::unique_ptr<ConvKernel> make_conv2d_windows<Float16>(const ConvGeometry&, ConvPlan::Kind);
template std::unique_ptr<ConvKernel> make_conv2d_windows<float>(const ConvGeometry&, ConvPlan::Kind);
template std::unique_ptr<ConvKernel> make_conv2d_windows<double>(const ConvGeometry&, ConvPlan::Kind);

}  // namespace gradus::cpu
