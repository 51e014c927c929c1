// Batch normalisation and its gradient op, differentiated by hand per channel. Notation: h = (x - m) * r with m = saved_mean and
// r = saved_inv_std, s = scale, mean() over everything but the channels, n elements per channel.
//
// Both rules treat every result of the forward op as a function of its own: y's gradient takes the fused op, the statistics'
// gradients are added. FusedBatchNormGrad in turn is taken as a function of all its five operands; what it owes to x by way of
// saved_mean and saved_inv_std flows back through the outputs of FusedBatchNorm. So any order of derivative works.
//
// Everything is computed in the accumulation dtype: counts and sums over a batch have no place in 16 bits. An empty batch, whose
// saved_inv_std is 0, counts as one of one element, so that its gradients are 0.
#include "gradus/ops/batch_norm.h"

#include "gradus/autodiff/register_all.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

// Reductions to channels and back for tensors like `x`.
struct PerChannel {
  Output x;
  int axis;

  PerChannel(const Output& image, const BatchNormAttrs& attrs)
      : x(image), axis(attrs.data_format == DataFormat::kNHWC ? image.shape().rank() - 1 : 1) {}

  std::vector<std::int64_t> others() const {
    std::vector<std::int64_t> axes;
    for (int i = 0; i < x.shape().rank(); ++i) {
      if (i != axis) axes.push_back(i);
    }
    return axes;
  }
  Output sum(const Output& image) const { return reduce_sum(image, others()); }
  // A vector of channels, so that it broadcasts against x.
  Output spread(const Output& channels) const {
    if (axis == x.shape().rank() - 1) return channels;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.shape().rank() - axis), 1);
    shape[0] = -1;
    return reshape(channels, shape);
  }
  // n, at least 1, as a scalar.
  Output count(const Output& channels) const {
    const DType dtype = accumulation_dtype(x.dtype());
    return maximum(cast(size(x), dtype) / cast(size(channels), dtype), 1.0);
  }
};

// x - m. In training m is the mean of x, rounded; where it is that by all appearance, the rounding is made good, as the gradient op
// does (ops/batch_norm.h). It is no function of x to be differentiated, only what a wider dtype would have kept.
Output distances(const PerChannel& per, const Output& x, const Output& saved_mean, bool is_training) {
  const Output m = accumulated(saved_mean), rough = x - per.spread(m);
  if (!is_training) return rough;
  const double epsilon = machine_epsilon(saved_mean.dtype());
  const Output rest = per.sum(rough) / per.count(m);
  return rough - per.spread(stop_gradient(where(less_equal(abs(rest), epsilon * abs(m)), rest, 0.0)));
}

void add_to(Output& sum, const Output& term) { sum = sum.valid() ? sum + term : term; }
void set_if(GradientContext& c, int i, const Output& gradient) {
  if (c.needs(i) && gradient.valid()) c.set(i, as_dtype(gradient, c.input(i).dtype()));
}
// What arrived for result i, in the accumulation dtype.
Output arrived(const GradientContext& c, int i) { return c.grad(i).valid() ? accumulated(c.grad(i)) : Output(); }

// What arrives for the statistics of the batch: batch_mean = m, batch_variance = sum((x - m)^2) / (n - 1),
// saved_inv_std = (sum((x - m)^2) / n + epsilon)^(-1/2).
void add_training_statistics(GradientContext& c, const PerChannel& per, Output& dx) {
  const Output x = accumulated(c.input(0)), r = accumulated(c.output(4));
  const Output n = per.count(c.input(1));
  Output constant_part, linear_part;  // dx += constant_part + linear_part * (x - m)
  for (const int i : {1, 3}) {
    if (c.grad(i).valid()) add_to(constant_part, arrived(c, i) / n);
  }
  if (c.grad(2).valid()) add_to(linear_part, 2.0 * arrived(c, 2) / maximum(n - 1.0, 1.0));
  if (c.grad(4).valid()) add_to(linear_part, -(arrived(c, 4) * r * r * r / n));
  if (linear_part.valid()) add_to(dx, per.spread(linear_part) * distances(per, x, c.output(3), true));
  if (constant_part.valid()) add_to(dx, per.spread(constant_part) + zeros_like(x));
}

void batch_norm_gradient(GradientContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const Output x = c.input(0), s = accumulated(c.input(1)), r = accumulated(c.output(4));
  const PerChannel per(x, attrs);
  Output dx, ds, doffset, dmean, dvariance;
  if (c.grad(0).valid()) {
    const BatchNormGradOutputs g = fused_batch_norm_grad(c.grad(0), x, c.input(1), c.output(3), c.output(4), attrs);
    dx = g.x_backprop;
    ds = g.scale_backprop;
    doffset = g.offset_backprop;
    if (!attrs.is_training) {
      if (c.needs(3)) dmean = -(s * r * accumulated(doffset));
      if (c.needs(4)) dvariance = -0.5 * s * r * r * accumulated(ds);
    }
  }
  if (attrs.is_training) {
    const bool more = c.grad(1).valid() || c.grad(2).valid() || c.grad(3).valid() || c.grad(4).valid();
    if (c.needs(0) && more) {
      if (dx.valid()) dx = accumulated(dx);
      add_training_statistics(c, per, dx);
    }
  } else {
    for (const int i : {1, 3}) {
      if (c.grad(i).valid()) add_to(dmean, arrived(c, i));
    }
    if (c.grad(2).valid()) add_to(dvariance, arrived(c, 2));
    if (c.grad(4).valid()) add_to(dvariance, -0.5 * arrived(c, 4) * r * r * r);
  }
  set_if(c, 0, dx);
  set_if(c, 1, ds);
  set_if(c, 2, doffset);
  set_if(c, 3, dmean);
  set_if(c, 4, dvariance);
}

// L = sum(G * x_backprop) + sum(p * scale_backprop) + sum(q * offset_backprop), with dy = y_backprop and
// x_backprop = s * r * (dy - mean(dy) - h * mean(dy * h)) in training, s * r * dy otherwise.
void batch_norm_grad_gradient(GradientContext& c) {
  const auto& attrs = c.attrs<BatchNormAttrs>();
  const Output dy = accumulated(c.input(0)), x = accumulated(c.input(1)), s = accumulated(c.input(2));
  const Output r = accumulated(c.input(4));
  const PerChannel per(x, attrs);
  const Output centred = distances(per, x, c.input(3), attrs.is_training), h = centred * per.spread(r);
  Output d_dy, d_h, d_s, d_r;
  if (c.grad(0).valid()) {
    const Output g = arrived(c, 0), sr = per.spread(s * r);
    Output inner = per.sum(g * dy);  // sum(G * x_backprop) / (s * r)
    if (attrs.is_training) {
      const Output n = per.count(s);
      const Output g_mean = per.sum(g) / n, g_h = per.sum(g * h) / n;
      const Output dy_mean = per.sum(dy) / n, dy_h = per.sum(dy * h) / n;
      inner = inner - n * (g_mean * dy_mean + g_h * dy_h);
      add_to(d_dy, sr * (g - per.spread(g_mean) - h * per.spread(g_h)));
      add_to(d_h, -(sr * (g * per.spread(dy_h) + dy * per.spread(g_h))));
    } else {
      add_to(d_dy, sr * g);
    }
    d_s = r * inner;
    d_r = s * inner;
  }
  if (c.grad(1).valid()) {
    const Output p = per.spread(arrived(c, 1));
    add_to(d_dy, p * h);
    add_to(d_h, p * dy);
  }
  if (c.grad(2).valid()) add_to(d_dy, per.spread(arrived(c, 2)) + zeros_like(dy));
  set_if(c, 0, d_dy);
  set_if(c, 2, d_s);
  if (d_h.valid()) {
    const Output d_x = d_h * per.spread(r);
    set_if(c, 1, d_x);
    if (c.needs(3)) set_if(c, 3, -per.sum(d_x));
    if (c.needs(4)) add_to(d_r, per.sum(d_h * centred));
  }
  set_if(c, 4, d_r);
}

}  // namespace

void register_batch_norm_gradients(GradientRegistry& registry) {
  registry.add("FusedBatchNorm", batch_norm_gradient);
  registry.add("FusedBatchNormGrad", batch_norm_grad_gradient);
}

}  // namespace gradus
