// Convolutions as matrix products (im2col): the windows of a strip's pixels become the rows of a matrix, which Eigen multiplies with
// the filter. Slower than the direct kernels nearly everywhere, and with an arithmetic of its own: a second opinion, on any shape.
#include "gradus/backends/cpu/conv2d_filter_parts.h"
#include "gradus/backends/cpu/conv2d_image_parts.h"
#include "gradus/backends/cpu/eigen.h"

namespace gradus::cpu {
namespace {

template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using RowStride = Eigen::Map<T, 0, Eigen::OuterStride<>>;

// The windows of `pixels` pixels of a phase, one row each: [pixels][filter_rows].
template <class T>
void windows_to_rows(const Phase& phase, const T* strip, std::int64_t pixels, T* rows) {
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (const Run& run : phase.runs) {
      const T* const from = strip + phase.source_offsets[static_cast<std::size_t>(p)] + run.offset;
      rows = std::copy(from, from + run.length, rows);
    }
  }
}

std::int64_t most_window_values(const ConvPlan& plan) {
  std::int64_t most = 0;
  for (const Phase& phase : plan.phases)
    most = std::max(most, static_cast<std::int64_t>(phase.source_offsets.size()) * phase.filter_rows);
  return most;
}

template <class S>
class GemmImage final : public ImageKernel<S> {
  using Base = ImageKernel<S>;
  using Base::plan_;
  using typename Base::Strip, typename Base::T;

 public:
  GemmImage(const ConvGeometry& g, ConvDirection direction) : Base(g, direction, 1) {
    Base::reserve(plan_.packed_values, plan_.dest_strip_values() + most_window_values(plan_));
  }

 private:
  std::int64_t filter_of(const Phase& phase, std::int64_t group) const {
    return phase.packed_begin + group * phase.filter_rows * plan_.dest.group_channels;
  }

  void pack_filter(KernelContext& /*c*/, const S* filter, T* packed) const override {
    for (const Phase& phase : plan_.phases) {
      for (std::int64_t group = 0; group < plan_.geometry.groups; ++group)
        pack_panel(plan_, phase, filter, group, 0, plan_.dest.group_channels, packed + filter_of(phase, group));
    }
  }

  void sum_strip(const Strip& strip, const Phase& phase, const T* packed, T* sums) const override {
    const std::int64_t channels = plan_.dest.group_channels, pixels = Base::pixels_of(strip, phase);
    T* const product = Base::own_memory(strip);
    T* const rows = product + plan_.dest_strip_values();
    for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
      windows_to_rows(phase, strip.memory + group * plan_.source.group_channels, pixels, rows);
      const Eigen::Map<const RowMajor<T>> left(rows, pixels, phase.filter_rows);
      const Eigen::Map<const RowMajor<T>> right(packed + filter_of(phase, group), phase.filter_rows, channels);
      Eigen::Map<RowMajor<T>>(product, pixels, channels).noalias() = left * right;
      for (std::int64_t p = 0; p < pixels; ++p) {
        std::copy_n(product + p * channels, channels,
                    sums + phase.dest_offsets[static_cast<std::size_t>(p)] + group * channels);
      }
    }
  }
};

template <class S>
class GemmFilter final : public FilterKernel<S> {
  using Base = FilterKernel<S>;
  using Base::plan_;
  using typename Base::Gradient, typename Base::Strip, typename Base::T;

 public:
  explicit GemmFilter(const ConvGeometry& g) : Base(g, 1, Base::Sums::kGroups) {
    Base::reserve(most_window_values(plan_));
  }

 private:
  void add_strip(const Strip& strip, const Gradient& gradient, T* part) const override {
    const Phase& phase = plan_.phases[0];
    const std::int64_t channels = plan_.dest.group_channels, pixels = plan_.dest_rows(strip.index) * plan_.dest.w;
    T* const rows = Base::own_memory(strip);
    for (std::int64_t group = 0; group < plan_.geometry.groups; ++group) {
      windows_to_rows(phase, strip.memory + group * plan_.source.group_channels, pixels, rows);
      const Eigen::Map<const RowMajor<T>> left(rows, pixels, phase.filter_rows);
      const RowStride<const RowMajor<T>> right(gradient.values + group * channels, pixels, channels,
                                               Eigen::OuterStride<>(gradient.pixel_step));
      Eigen::Map<RowMajor<T>>(part + group * phase.filter_rows * channels, phase.filter_rows, channels).noalias() +=
          left.transpose() * right;
    }
  }
};

}  // namespace

template <class S>
std::unique_ptr<ConvKernel> make_gemm_image(const ConvGeometry& geometry, ConvDirection direction) {
  return std::make_unique<GemmImage<S>>(geometry, direction);
}
template <class S>
std::unique_ptr<ConvKernel> make_gemm_filter(const ConvGeometry& geometry) {
  return std::make_unique<GemmFilter<S>>(geometry);
}
template std::unique_ptr<ConvKernel> make_gemm_image<Float16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_gemm_image<BFloat16>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_gemm_image<float>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_gemm_image<double>(const ConvGeometry&, ConvDirection);
template std::unique_ptr<ConvKernel> make_gemm_filter<Float16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_gemm_filter<BFloat16>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_gemm_filter<float>(const ConvGeometry&);
template std::unique_ptr<ConvKernel> make_gemm_filter<double>(const ConvGeometry&);

}  // namespace gradus::cpu
