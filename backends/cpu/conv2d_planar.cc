// Convolutions from images of one channel to few, as the first layer on grey pictures is: vectors of destination channels would be
// half empty. Here the vectors lie along the rows of the source, which are the same for all channels, and each channel's results become a
// plane, of which the destination is then put together. Otherwise as conv2d_image.cc.
#include "gradus/backends/cpu/conv2d_image_parts.h"

namespace gradus::cpu {
namespace {

// Results that are summed up together, in registers: vectors of positions times channels.
constexpr std::int64_t kPlanes = 6;
constexpr int kPositions = kVectorRegisters == 32 ? 4 : 2;

// planes[k][position] = sum over the taps of source[position + offsets[tap]] * filter[tap][k], for a tile of positions.
template <class T, int channels>
[[gnu::noinline]] void sum_positions(const T* source, std::span<const std::int64_t> offsets, const T* filter,
                                     std::int64_t filter_step, T* planes, std::int64_t plane_step) {
  constexpr int lanes = kLanes<T>;
  Vector<T> sums[kPositions][channels] = {};
  for (const std::int64_t offset : offsets) {
    Vector<T> x[kPositions];
    unrolled<kPositions>([&](auto v) GRADUS_INLINE { x[v] = load(source + offset + v * lanes); });
    unrolled<channels>([&](auto k) GRADUS_INLINE {
      unrolled<kPositions>([&](auto v) GRADUS_INLINE { sums[v][k] += x[v] * filter[k]; });
    });
    filter += filter_step;
  }
  unrolled<channels>([&](auto k) GRADUS_INLINE {
    unrolled<kPositions>([&](auto v) GRADUS_INLINE { store(planes + k * plane_step + v * lanes, sums[v][k]); });
  });
}

// dest[i][k] = planes[k][i]
template <class T, int channels>
[[gnu::noinline]] void interleave(const T* planes, std::int64_t plane_step, std::int64_t count, T* dest,
                                  std::int64_t dest_step) {
  for (std::int64_t i = 0; i < count; ++i, ++planes, dest += dest_step)
    unrolled<channels>([&](auto k) GRADUS_INLINE { dest[k] = planes[k * plane_step]; });
}

template <class S>
class PlanarImage final : public ImageKernel<S> {
  using Base = ImageKernel<S>;
  using Base::plan_;
  using typename Base::Strip, typename Base::T;
  static constexpr std::int64_t kTile = kPositions * kLanes<T>;

 public:
  PlanarImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, 1) {
    plane_step_ = round_up(plan_.strips.steps * plan_.strips.columns, kTile);
    // A tile more, which a source of less than a tile reads beyond its strip; the results are nobody's.
    Base::reserve(plan_.packed_values, std::min(plan_.dest.channels, kPlanes) * plane_step_ + kTile);
  }

 private:
  // [taps][channels], as it is in both directions.
  void pack_filter(KernelContext& /*c*/, const S* filter, T* packed) const override {
    for (const Phase& phase : plan_.phases) {
      for (const std::int64_t tap : phase.filter_taps)
        packed = std::transform(filter + tap * plan_.dest.channels, filter + (tap + 1) * plan_.dest.channels, packed,
                                [](S value) { return static_cast<T>(value); });
    }
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    const std::int64_t channels = plan_.dest.channels, blocks = ceil_divide(channels, kPlanes);
    for (std::int64_t b = 0, k = 0; b < blocks; ++b) {  // of nearly equal size
      const std::int64_t end = channels * (b + 1) / blocks;
      unrolled<static_cast<int>(kPlanes)>([&](auto i) {
        if (i + 1 == end - k) sum_channels<i + 1>(strip, phase, packed + k, sums + k);
      });
      k = end;
    }
  }

  // The positions from the first pixel's to the last's: those between rows too. The last tile begins earlier where it would be cut off, and
  // computes some once more.
  template <int channels>
  void sum_channels(const Strip& strip, const Phase& phase, const T* filter, T* dest) const {
    const std::int64_t rows = plan_.steps(strip.index, *phase.rows), columns = plan_.strips.columns;
    T* const planes = Base::own_memory(strip);
    const std::int64_t positions = (rows - 1) * columns + plan_.dest.w;
    for (std::int64_t p = 0; p < positions; p += kTile) {
      const std::int64_t first = std::max<std::int64_t>(std::min(p, positions - kTile), 0);
      sum_positions<T, channels>(strip.memory + first, phase.row_offsets, filter, plan_.dest.channels, planes + first,
                                 plane_step_);
    }
    for (std::int64_t row = 0; row < rows; ++row, dest += plan_.dest.w * plan_.dest.channels)
      interleave<T, channels>(planes + row * columns, plane_step_, plan_.dest.w, dest, plan_.dest.channels);
  }

  std::int64_t plane_step_;
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_planar_image(const ConvGeometry& g, ConvDirection direction) {
  const bool to_input = direction == ConvDirection::kBackpropInput;
  const std::int64_t sources = to_input ? g.out_channels : g.channels, dests = to_input ? g.channels : g.out_channels;
  constexpr std::int64_t lanes = kLanes<Compute<S>>;
  const bool has_strides = g.rows.stride > 1 || g.columns.stride > 1;
  // More pixels than positions between rows.
  const bool is_wide = g.columns.in >= (g.columns.window - 1) * g.columns.dilation;
  // A quarter of the vectors' lanes would be empty, or more.
  if (sources > 1 || has_strides || !is_wide || 4 * dests > 3 * round_up(dests, lanes)) return nullptr;
  return std::make_unique<PlanarImage<S>>(g, direction);
}
template std::unique_ptr<ConvKernel> make_planar_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_planar_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_planar_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_planar_image<double>(const ConvGeometry&, ConvDirection);

}  // namespace gradus::cpu
