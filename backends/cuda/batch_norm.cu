// Statistics by a block per channel, in float64, then one pass over the elements. The mean is found in two passes, the second of which
// adds what the first one's rounding left out.
#include "gradus/ops/batch_norm.h"

#include <cmath>

#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/axis_extents.h"
#include "gradus/ops/bias_add.h"

namespace gradus::cuda {
namespace {

// What the second pass needs of a channel: y = (x - mean) * factor + offset.
struct Affine {
  double mean, factor, offset;
};
// dx = a * dy - b * (x - mean) - d
struct Slopes {
  double mean, a, b, d;
};

template <class T>
__device__ double number(const T& x) {
  return static_cast<double>(static_cast<Compute<T>>(x));
}

// The place of element i of a channel.
__device__ inline std::int64_t place(const AxisExtents& e, std::int64_t channel, std::int64_t i) {
  return (i / e.inner * e.axis + channel) * e.inner + i % e.inner;
}

// The sum over a channel of f(place).
template <class F>
__device__ double channel_sum(const AxisExtents& e, F&& f) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < e.outer * e.inner; i += kThreads) sum += f(place(e, blockIdx.x, i));
  return block_sum<kThreads>(sum);
}

// Numbers of channels, which beside an x of 16 bits have its dtype or are float32: few, so that they may be asked for their dtype one by one.
struct Numbers {
  void* data;
  DType dtype;
  explicit Numbers(const Tensor& t) : data(const_cast<void*>(t.raw())), dtype(t.dtype()) {}
  __device__ double get(std::int64_t k) const {
    if (dtype == DType::kFloat64) return static_cast<const double*>(data)[k];
    if (dtype == DType::kFloat32) return static_cast<double>(static_cast<const float*>(data)[k]);
    if (dtype == DType::kBFloat16) return number(static_cast<const BFloat16*>(data)[k]);
    return number(static_cast<const Float16*>(data)[k]);
  }
  __device__ void set(std::int64_t k, double value) const {
    if (dtype == DType::kFloat64) {
      static_cast<double*>(data)[k] = value;
    } else if (dtype == DType::kFloat32) {
      static_cast<float*>(data)[k] = static_cast<float>(value);
    } else if (dtype == DType::kBFloat16) {
      static_cast<BFloat16*>(data)[k] = static_cast<BFloat16>(value);
    } else {
      static_cast<Float16*>(data)[k] = static_cast<Float16>(value);
    }
  }
};

struct Statistics {
  Numbers scale, offset, mean, variance;
  Numbers batch_mean, batch_variance, saved_mean, saved_inv_std;
};

template <class T>
__global__ void batch_norm_statistics(Affine* affine, const T* x, Statistics s, AxisExtents e, double epsilon,
                                      bool is_training) {
  const std::int64_t k = blockIdx.x;
  const double n = static_cast<double>(e.outer * e.inner);
  double mean = s.mean.get(k), variance = s.variance.get(k), reported = variance;
  if (is_training) {
    mean = channel_sum(e, [=](std::int64_t i) { return number(x[i]); }) / n;
    const double first = mean, rest = channel_sum(e, [=](std::int64_t i) { return number(x[i]) - first; });
    if (rest - rest == 0 && n > 0) mean += rest / n;
    const double squares =
        channel_sum(e, [=](std::int64_t i) { return (number(x[i]) - mean) * (number(x[i]) - mean); });
    variance = squares / n;
    reported = n > 1 ? squares / (n - 1) : variance;
  }
  if (threadIdx.x != 0) return;
  const double inv_std = 1 / std::sqrt(variance + epsilon);
  const bool nothing = is_training && n == 0;
  affine[k] = {mean, inv_std * s.scale.get(k), s.offset.get(k)};
  s.batch_mean.set(k, mean);
  s.batch_variance.set(k, reported);
  s.saved_mean.set(k, nothing ? 0 : mean);
  s.saved_inv_std.set(k, nothing ? 0 : inv_std);
}

template <class T>
__global__ void normalize(T* y, const T* x, const Affine* affine, AxisExtents e, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const Affine a = affine[i / e.inner % e.axis];
    y[i] = static_cast<T>((number(x[i]) - a.mean) * a.factor + a.offset);
  }
}

struct GradientNumbers {
  Numbers scale, saved_mean, saved_inv_std, dscale, doffset;
};

template <class T>
__global__ void batch_norm_slopes(Slopes* slopes, GradientNumbers g, const T* dy, const T* x, AxisExtents e,
                                  double epsilon_of_mean, bool is_training) {
  const std::int64_t k = blockIdx.x;
  const double n = static_cast<double>(e.outer * e.inner), inv_std = g.saved_inv_std.get(k);
  double mean = g.saved_mean.get(k);
  if (is_training && n > 0) {
    const double saved = mean, rounding = channel_sum(e, [=](std::int64_t i) { return number(x[i]) - saved; }) / n;
    if (std::abs(rounding) <= std::abs(mean) * epsilon_of_mean) mean += rounding;  // else another mean was asked for
  }
  const double sum = channel_sum(e, [=](std::int64_t i) { return number(dy[i]); });
  const double sum_h =
      channel_sum(e, [=](std::int64_t i) { return number(dy[i]) * ((number(x[i]) - mean) * inv_std); });
  if (threadIdx.x != 0) return;
  const double factor = g.scale.get(k) * inv_std;
  slopes[k] = {mean, factor, is_training ? factor * inv_std * sum_h / n : 0.0, is_training ? factor * sum / n : 0.0};
  g.dscale.set(k, sum_h);
  g.doffset.set(k, sum);
}

template <class T>
__global__ void apply_slopes(T* dx, const T* dy, const T* x, const Slopes* slopes, AxisExtents e, bool is_training,
                             std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const Slopes s = slopes[i / e.inner % e.axis];
    // Out of training x has no part in it, not even 0 times its infinities.
    dx[i] =
        static_cast<T>(is_training ? s.a * number(dy[i]) - s.b * (number(x[i]) - s.mean) - s.d : s.a * number(dy[i]));
  }
}

AxisExtents extents(const KernelContext& c) {
  return channel_extents(c.input(0).shape(), c.attrs<BatchNormAttrs>().data_format);
}

template <class PerChannel>
void prepare(KernelContext& c) {
  c.request_scratch(static_cast<std::size_t>(extents(c).axis) * sizeof(PerChannel));
}

template <class T>
void batch_norm_kernel(KernelContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const AxisExtents e = extents(c);
  const std::int64_t n = c.output(0).num_elements();
  const Statistics s{Numbers(c.input(1)),  Numbers(c.input(2)),  Numbers(c.input(3)),  Numbers(c.input(4)),
                     Numbers(c.output(1)), Numbers(c.output(2)), Numbers(c.output(3)), Numbers(c.output(4))};
  auto* const affine = c.scratch<Affine>();
  run_blocks<batch_norm_statistics<T>>(c, e.axis, kThreads, affine, c.input(0).data<T>(), s, e, attrs.epsilon,
                                       attrs.is_training);
  run_over<normalize<T>>(c, n, c.output(0).data<T>(), c.input(0).data<T>(), affine, e, n);
}

template <class T>
void batch_norm_grad_kernel(KernelContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const AxisExtents e = extents(c);
  const std::int64_t n = c.output(0).num_elements();
  const double epsilon_of_mean = machine_epsilon(c.input(3).dtype());
  const GradientNumbers g{Numbers(c.input(2)), Numbers(c.input(3)), Numbers(c.input(4)), Numbers(c.output(1)),
                          Numbers(c.output(2))};
  auto* const slopes = c.scratch<Slopes>();
  const T *const dy = c.input(0).data<T>(), *const x = c.input(1).data<T>();
  run_blocks<batch_norm_slopes<T>>(c, e.axis, kThreads, slopes, g, dy, x, e, epsilon_of_mean, attrs.is_training);
  run_over<apply_slopes<T>>(c, n, c.output(0).data<T>(), dy, x, slopes, e, attrs.is_training, n);
}

}  // namespace

void register_batch_norm_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("FusedBatchNorm", kDevice, {dtype_of<T>}, batch_norm_kernel<T>, prepare<Affine>);
    kernels.add("FusedBatchNormGrad", kDevice, {dtype_of<T>}, batch_norm_grad_kernel<T>, prepare<Slopes>);
  });
}

}  // namespace gradus::cuda
