// Statistics in float64, then one pass over the elements. The exact mean is carried as a number of the compute type and a rest:
// a mean of 1e7 + 1.5 rounded to float32 would shift every element of a channel by half.
#include "gradus/ops/batch_norm.h"

#include <cmath>
#include <type_traits>

#include "gradus/backends/cpu/channel_sums.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/formulas/unary.h"
#include "gradus/ops/bias_add.h"

namespace gradus::cpu {
namespace {

// Of the kernels' input 0, as batch norm, which is node `node`, sees it.
AxisExtents batch_norm_extents(const KernelContext& c, int node = 0) {
  return channel_extents(c.input(0).shape(), c.attrs<BatchNormAttrs>(node).data_format);
}

// Scratch: sums, and then four numbers per channel in the compute type.
template <int sums, int node = 0>
void prepare_batch_norm(KernelContext& c) {
  const ChannelParts parts(batch_norm_extents(c, node));
  c.request_scratch(parts.bytes(sums) + sizeof(double) * 4 * static_cast<std::size_t>(parts.e.axis));
}

template <class T>
double number(const T& x) {
  return static_cast<double>(static_cast<Compute<T>>(x));
}

// Leaves each channel's mean in sums[k] and the sum of squared distances from it in sums[channels + k]. Of all dtypes but float64
// one pass suffices, over distances from the channel's first element: an element lies at most sqrt(n) standard deviations from
// the mean, so that in float64 the correction for it costs n * 2^-53 of the result at the most. `origin` is memory for one number
// per channel.
template <class T>
void moments(KernelContext& c, const ChannelParts& parts, const T* x, double* sums, Compute<T>* origin) {
  const AxisExtents e = parts.e;
  const double n = static_cast<double>(e.outer * e.inner);
  for (std::int64_t k = 0; k < e.axis; ++k) {
    origin[k] = n > 0 ? static_cast<Compute<T>>(x[k * e.inner]) : Compute<T>{0};
    if (!std::isfinite(origin[k])) origin[k] = 0;
  }
  if constexpr (std::is_same_v<T, double>) {
    channel_sums<1>(
        c, parts, sums, [=](std::int64_t i, std::int64_t k) { return std::array<double, 1>{x[i] - origin[k]}; }, x);
    for (std::int64_t k = 0; k < e.axis; ++k) origin[k] += n > 0 ? sums[k] / n : 0.0;
  }
  channel_sums<2>(
      c, parts, sums,
      [=](std::int64_t i, std::int64_t k) {
        const double d = number(x[i]) - static_cast<double>(origin[k]);
        return std::array<double, 2>{d, d * d};
      },
      x);
  for (std::int64_t k = 0; k < e.axis; ++k) {
    const double distance = sums[k] / n, squares = sums[e.axis + k] - sums[k] * distance;
    sums[k] = static_cast<double>(origin[k]) + distance;
    sums[e.axis + k] = squares < 0 ? 0 : squares;
  }
}

// What follows in the same pass: nothing, Relu, or the Add of a shortcut and Relu.
enum class Then { kNothing, kRelu, kAddRelu };

template <class T, Then then>
void batch_norm(KernelContext& c) {
  using U = Compute<T>;
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const ChannelParts parts(batch_norm_extents(c));
  const AxisExtents e = parts.e;
  const double n = static_cast<double>(e.outer * e.inner);
  const T* const x = c.input(0).data<T>();
  double* const sums = c.scratch<double>();
  U* const mean = reinterpret_cast<U*>(sums + parts.bytes(2) / sizeof(double));
  U *const factor = mean + e.axis, *const offset = factor + e.axis;

  if (attrs.is_training) moments(c, parts, x, sums, mean);
  for (std::int64_t k = 0; k < e.axis; ++k) {
    const double m = attrs.is_training ? sums[k] : c.input(3).at(k);
    const double squares = attrs.is_training ? sums[e.axis + k] : 0.0;
    const double variance = attrs.is_training ? squares / n : c.input(4).at(k);
    const double inv_std = 1 / std::sqrt(variance + attrs.epsilon), f = inv_std * c.input(1).at(k);
    const bool nothing = attrs.is_training && n == 0;
    c.output(1).set(k, m);
    c.output(2).set(k, attrs.is_training && n > 1 ? squares / (n - 1) : variance);
    c.output(3).set(k, nothing ? 0.0 : m);
    c.output(4).set(k, nothing ? 0.0 : inv_std);
    mean[k] = static_cast<U>(m);
    factor[k] = static_cast<U>(f);
    offset[k] = static_cast<U>(c.input(2).at(k) - (m - static_cast<double>(mean[k])) * f);
  }
  const T* shortcut = nullptr;
  if constexpr (then == Then::kAddRelu) shortcut = c.operand(1, c.is_passed_on(1, 0) ? 1 : 0).data<T>();
  for_channel_elements(
      c, e, c.output(0).data<T>(),
      [=](std::int64_t k) {
        return std::array{mean[k], factor[k], offset[k]};
      },
      [=](const std::array<U, 3>& of, std::int64_t i) {
        T y = static_cast<T>((static_cast<U>(x[i]) - of[0]) * of[1] + of[2]);
        if constexpr (then == Then::kAddRelu) y = static_cast<T>(static_cast<U>(y) + static_cast<U>(shortcut[i]));
        return then == Then::kNothing ? y : static_cast<T>(formulas::Relu{}(static_cast<U>(y)));
      },
      x, shortcut, c.output(0).data<T>());
}

// How far the exact mean lies from `saved`, where it does so by rounding alone; else 0: another mean was asked for.
double rounding_of(double saved, DType dtype, double distance) {
  return std::abs(distance) <= std::abs(saved) * machine_epsilon(dtype) ? distance : 0.0;
}

// after_relu: dy is what ReluGrad would make of the gradient of Relu's result.
template <class T, bool after_relu>
void batch_norm_grad(KernelContext& c) {
  using U = Compute<T>;
  constexpr int node = after_relu ? 1 : 0;
  const auto operand = [&](int i) -> const Tensor& { return c.operand(node, i); };
  const bool training = c.attrs<BatchNormAttrs>(node).is_training;
  const ChannelParts parts(batch_norm_extents(c, node));
  const AxisExtents e = parts.e;
  const double n = static_cast<double>(e.outer * e.inner);
  const T *const given = c.input(0).data<T>(), *const x = operand(1).template data<T>();
  const T* const relu = after_relu ? c.input(1).data<T>() : nullptr;
  const auto dy = [=](std::int64_t i) {
    const U g = static_cast<U>(given[i]);
    return after_relu ? formulas::ReluGrad{}(g, static_cast<U>(relu[i])) : g;
  };
  double* const sums = c.scratch<double>();
  // dx = a * dy - b * (x - m) - d
  U* const m = reinterpret_cast<U*>(sums + parts.bytes(3) / sizeof(double));
  U *const a = m + e.axis, *const b = a + e.axis, *const d = b + e.axis;
  for (std::int64_t k = 0; k < e.axis; ++k) m[k] = static_cast<U>(operand(3).at(k));
  channel_sums<3>(
      c, parts, sums,
      [=](std::int64_t i, std::int64_t k) {
        const double g = static_cast<double>(dy(i)), centred = number(x[i]) - static_cast<double>(m[k]);
        return std::array<double, 3>{g, g * centred, centred};
      },
      given, x, relu);
  for (std::int64_t k = 0; k < e.axis; ++k) {
    const double r = operand(4).at(k), sum = sums[k], mean = static_cast<double>(m[k]);
    const double rest = training && n > 0 ? rounding_of(mean, operand(3).dtype(), sums[2 * e.axis + k] / n) : 0.0;
    const double sum_h = n > 0 ? (sums[e.axis + k] - rest * sum) * r : 0.0;
    const double factor = operand(2).at(k) * r, slope = factor * r * sum_h / n;
    c.output(1).set(k, sum_h);
    c.output(2).set(k, sum);
    a[k] = static_cast<U>(factor);
    b[k] = static_cast<U>(slope);
    d[k] = static_cast<U>(factor * sum / n - slope * rest);
  }
  T* const dx = c.output(0).data<T>();
  if (!training) {  // x has no part in it, not even 0 times its infinities
    return for_channel_elements(
        c, e, dx, [=](std::int64_t k) { return a[k]; },
        [=](U of, std::int64_t i) { return static_cast<T>(of * dy(i)); }, given, relu);
  }
  for_channel_elements(
      c, e, dx,
      [=](std::int64_t k) {
        return std::array{a[k], b[k], m[k], d[k]};
      },
      [=](const std::array<U, 4>& of, std::int64_t i) {
        return static_cast<T>(of[0] * dy(i) - of[1] * (static_cast<U>(x[i]) - of[2]) - of[3]);
      },
      given, x, relu);
}

}  // namespace

void register_batch_norm_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("FusedBatchNorm", kDevice, dtype, batch_norm<T, Then::kNothing>, prepare_batch_norm<2>);
    kernels.add_fused({"FusedBatchNorm", "Relu"}, kDevice, dtype, batch_norm<T, Then::kRelu>, prepare_batch_norm<2>);
    kernels.add_fused({"FusedBatchNorm", {"Add", kAnyOfEqualShapes}, "Relu"}, kDevice, dtype,
                      batch_norm<T, Then::kAddRelu>, prepare_batch_norm<2>);
    kernels.add("FusedBatchNormGrad", kDevice, dtype, batch_norm_grad<T, false>, prepare_batch_norm<3>);
    kernels.add_fused({"ReluGrad", "FusedBatchNormGrad"}, kDevice, dtype, batch_norm_grad<T, true>,
                      prepare_batch_norm<3, 1>);
  });
}

}  // namespace gradus::cpu
