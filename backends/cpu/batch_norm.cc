// Statistics in two passes (mean, then squared distances from it) in float64; then one pass over the elements.
#include "gradus/ops/batch_norm.h"

#include <cmath>
#include <type_traits>

#include "gradus/backends/cpu/channel_sums.h"
#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

template <class T>
using Compute = std::conditional_t<std::is_same_v<T, Float16>, float, T>;

ChannelExtents extents(const KernelContext& c) {
  return channel_extents(c.input(0).shape(), c.attrs<BatchNormAttrs>().data_format);
}

// Scratch: sums, and then four numbers per channel in the compute type.
void prepare(KernelContext& c) {
  const ChannelParts parts(extents(c));
  c.request_scratch(parts.bytes(2) + sizeof(double) * 4 * static_cast<std::size_t>(parts.e.channels));
}

template <class T>
double number(const T& x) {
  return static_cast<double>(static_cast<Compute<T>>(x));
}

template <class T>
void batch_norm(KernelContext& c) {
  using U = Compute<T>;
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const ChannelParts parts(extents(c));
  const ChannelExtents e = parts.e;
  const double n = static_cast<double>(e.outer * e.inner);
  const T* const x = c.input(0).data<T>();
  double* const sums = c.scratch<double>();
  U* const mean = reinterpret_cast<U*>(sums + parts.bytes(2) / sizeof(double));
  U *const factor = mean + e.channels, *const offset = factor + e.channels;

  if (attrs.is_training) {
    channel_sums<1>(c, parts, sums, [=](std::int64_t i, std::int64_t) { return std::array<double, 1>{number(x[i])}; });
    for (std::int64_t k = 0; k < e.channels; ++k) {
      mean[k] = static_cast<U>(sums[k] / n);
      c.output(1).data<T>()[k] = c.output(3).data<T>()[k] = static_cast<T>(sums[k] / n);
    }
    // Distances from the rounded mean; what rounding it left out is taken off afterwards.
    channel_sums<2>(c, parts, sums, [=](std::int64_t i, std::int64_t k) {
      const double d = number(x[i]) - static_cast<double>(mean[k]);
      return std::array<double, 2>{d * d, d};
    });
  }
  for (std::int64_t k = 0; k < e.channels; ++k) {
    double variance = 0;
    if (attrs.is_training) {
      const double squares = std::max(sums[k] - sums[e.channels + k] * sums[e.channels + k] / n, 0.0);
      variance = squares / n;
      c.output(2).data<T>()[k] = static_cast<T>(squares / std::max(n - 1, 1.0));
    } else {
      variance = number(c.input(4).data<T>()[k]);
      mean[k] = static_cast<U>(c.input(3).data<T>()[k]);
      c.output(1).data<T>()[k] = c.output(3).data<T>()[k] = c.input(3).data<T>()[k];
      c.output(2).data<T>()[k] = c.input(4).data<T>()[k];
    }
    const double inv_std = 1 / std::sqrt(variance + attrs.epsilon);
    c.output(4).data<T>()[k] = static_cast<T>(inv_std);
    factor[k] = static_cast<U>(inv_std * number(c.input(1).data<T>()[k]));
    offset[k] = static_cast<U>(c.input(2).data<T>()[k]);
  }
  T* const y = c.output(0).data<T>();
  for_channel_runs(
      c, e,
      [=](std::int64_t first) {
        for (std::int64_t k = 0; k < e.channels; ++k) {
          y[first + k] = static_cast<T>((static_cast<U>(x[first + k]) - mean[k]) * factor[k] + offset[k]);
        }
      },
      [=](std::int64_t first, std::int64_t last, std::int64_t k) {
        const U m = mean[k], f = factor[k], o = offset[k];
        for (std::int64_t i = first; i < last; ++i) y[i] = static_cast<T>((static_cast<U>(x[i]) - m) * f + o);
      });
}

template <class T>
void batch_norm_grad(KernelContext& c) {
  using U = Compute<T>;
  const bool training = c.attrs<BatchNormAttrs>().is_training;
  const ChannelParts parts(extents(c));
  const ChannelExtents e = parts.e;
  const double n = static_cast<double>(e.outer * e.inner);
  const T *const dy = c.input(0).data<T>(), *const x = c.input(1).data<T>();
  const T *const mean = c.input(3).data<T>(), *const inv_std = c.input(4).data<T>();
  double* const sums = c.scratch<double>();
  channel_sums<2>(c, parts, sums, [=](std::int64_t i, std::int64_t k) {
    const double g = number(dy[i]);
    return std::array<double, 2>{g, g * (number(x[i]) - number(mean[k]))};
  });
  // dx = a * dy - b * (x - mean) - d
  U* const a = reinterpret_cast<U*>(sums + parts.bytes(2) / sizeof(double));
  U *const b = a + e.channels, *const d = b + e.channels, *const m = d + e.channels;
  for (std::int64_t k = 0; k < e.channels; ++k) {
    const double r = number(inv_std[k]), sum = sums[k], sum_h = sums[e.channels + k] * r;
    const double factor = number(c.input(2).data<T>()[k]) * r;
    c.output(1).data<T>()[k] = static_cast<T>(sum_h);
    c.output(2).data<T>()[k] = static_cast<T>(sum);
    a[k] = static_cast<U>(factor);
    b[k] = static_cast<U>(factor * r * sum_h / n);
    d[k] = static_cast<U>(factor * sum / n);
    m[k] = static_cast<U>(mean[k]);
  }
  T* const dx = c.output(0).data<T>();
  if (!training) {  // x has no part in it, not even 0 times its infinities
    return for_channel_runs(
        c, e,
        [=](std::int64_t first) {
          for (std::int64_t k = 0; k < e.channels; ++k)
            dx[first + k] = static_cast<T>(a[k] * static_cast<U>(dy[first + k]));
        },
        [=](std::int64_t first, std::int64_t last, std::int64_t k) {
          for (std::int64_t i = first; i < last; ++i) dx[i] = static_cast<T>(a[k] * static_cast<U>(dy[i]));
        });
  }
  for_channel_runs(
      c, e,
      [=](std::int64_t first) {
        for (std::int64_t k = 0; k < e.channels; ++k) {
          const U g = static_cast<U>(dy[first + k]), centred = static_cast<U>(x[first + k]) - m[k];
          dx[first + k] = static_cast<T>(a[k] * g - b[k] * centred - d[k]);
        }
      },
      [=](std::int64_t first, std::int64_t last, std::int64_t k) {
        const U ak = a[k], bk = b[k], dk = d[k], mk = m[k];
        for (std::int64_t i = first; i < last; ++i) {
          dx[i] = static_cast<T>(ak * static_cast<U>(dy[i]) - bk * (static_cast<U>(x[i]) - mk) - dk);
        }
      });
}

}  // namespace

void register_batch_norm_kernels(KernelRegistry& kernels) {
  const auto add = [&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("FusedBatchNorm", kDevice, dtype, batch_norm<T>, prepare);
    kernels.add("FusedBatchNormGrad", kDevice, dtype, batch_norm_grad<T>, prepare);
  };
  add(TypeTag<Float16>{});
  add(TypeTag<float>{});
  add(TypeTag<double>{});
}

}  // namespace gradus::cpu
