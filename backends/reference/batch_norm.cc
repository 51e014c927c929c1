// Mean and variance in two passes, each sum over all elements of a channel in their order, in float64.
#include "gradus/ops/batch_norm.h"

#include <cmath>

#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/bias_add.h"

namespace gradus::reference {
namespace {

// Calls f(position) for every element of a channel of a tensor that is [outer, channels, inner].
template <class F>
void for_channel(const AxisExtents& e, std::int64_t channel, F&& f) {
  for (std::int64_t o = 0; o < e.outer; ++o) {
    for (std::int64_t i = 0; i < e.inner; ++i) f((o * e.axis + channel) * e.inner + i);
  }
}

void batch_norm(KernelContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const Tensor& x = c.input(0);
  const AxisExtents e = channel_extents(x.shape(), attrs.data_format);
  const double n = static_cast<double>(e.outer * e.inner);
  for (std::int64_t k = 0; k < e.axis; ++k) {
    double mean = c.input(3).at(k), variance = c.input(4).at(k), reported = variance;
    if (attrs.is_training) {
      double sum = 0, rest = 0, squares = 0;
      for_channel(e, k, [&](std::int64_t i) { sum += x.at(i); });
      mean = sum / n;
      for_channel(e, k, [&](std::int64_t i) { rest += x.at(i) - mean; });  // what the sum's rounding left out
      if (std::isfinite(rest)) mean += n > 0 ? rest / n : 0;
      for_channel(e, k, [&](std::int64_t i) { squares += (x.at(i) - mean) * (x.at(i) - mean); });
      variance = squares / n;
      reported = n > 1 ? squares / (n - 1) : variance;
    }
    const double inv_std = 1 / std::sqrt(variance + attrs.epsilon);
    for_channel(e, k, [&](std::int64_t i) {
      c.output(0).set(i, (x.at(i) - mean) * inv_std * c.input(1).at(k) + c.input(2).at(k));
    });
    const bool nothing = attrs.is_training && n == 0;
    c.output(1).set(k, mean);
    c.output(2).set(k, reported);
    c.output(3).set(k, nothing ? 0 : mean);
    c.output(4).set(k, nothing ? 0 : inv_std);
  }
}

void batch_norm_grad(KernelContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const Tensor &dy = c.input(0), &x = c.input(1);
  const AxisExtents e = channel_extents(x.shape(), attrs.data_format);
  const double n = static_cast<double>(e.outer * e.inner);
  for (std::int64_t k = 0; k < e.axis; ++k) {
    const double inv_std = c.input(4).at(k), factor = c.input(2).at(k) * inv_std;
    double mean = c.input(3).at(k);
    if (attrs.is_training && n > 0) {
      double distances = 0;
      for_channel(e, k, [&](std::int64_t i) { distances += x.at(i) - mean; });
      const double rounding = distances / n;
      if (std::abs(rounding) <= std::abs(mean) * machine_epsilon(c.input(3).dtype())) mean += rounding;
    }
    const auto h = [&](std::int64_t i) { return (x.at(i) - mean) * inv_std; };
    double sum = 0, sum_h = 0;
    for_channel(e, k, [&](std::int64_t i) {
      sum += dy.at(i);
      sum_h += dy.at(i) * h(i);
    });
    for_channel(e, k, [&](std::int64_t i) {
      c.output(0).set(i, factor * (attrs.is_training ? dy.at(i) - sum / n - h(i) * sum_h / n : dy.at(i)));
    });
    c.output(1).set(k, sum_h);
    c.output(2).set(k, sum);
  }
}

}  // namespace

void register_batch_norm_kernels(KernelRegistry& kernels) {
  kernels.add("FusedBatchNorm", kDevice, kFloating, batch_norm);
  kernels.add("FusedBatchNormGrad", kDevice, kFloating, batch_norm_grad);
}

}  // namespace gradus::reference
