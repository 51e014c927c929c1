// Gradients of the convolution family. The set is closed: each of the three is linear in both of its real operands, and
// every derivative is again one of the three, with the same attributes. Table: docs/ops/conv2d.md.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/shape_ops.h"

namespace gradus {
namespace {

// The attributes of a conv2d that gives the derivative with respect to dy. A gradient op takes a dy without rows or columns
// where its convolution would be refused; then that derivative has no elements either.
Conv2DAttrs attrs_for(const Output& dy, const GradientContext& c) {
  Conv2DAttrs attrs = c.attrs<Conv2DAttrs>();
  const ImageAxes axes = image_axes(attrs.data_format);
  if (dy.shape()[axes.height] <= 0 || dy.shape()[axes.width] <= 0) attrs.allow_empty_output = true;  // 0, or unknown
  return attrs;
}

// y = conv2d(x, w)
void conv2d_gradient(GradientContext& c) {
  const Output x = c.input(0), w = c.input(1), g = c.grad();
  if (c.needs(0)) c.set(0, conv2d_backprop_input(shape(x), w, g, c.attrs<Conv2DAttrs>()));
  if (c.needs(1)) c.set(1, conv2d_backprop_filter(x, shape(w), g, c.attrs<Conv2DAttrs>()));
}

// dx = conv2d_backprop_input(sizes, w, dy)
void conv2d_backprop_input_gradient(GradientContext& c) {
  const Output w = c.input(1), dy = c.input(2), g = c.grad();
  if (c.needs(1)) c.set(1, conv2d_backprop_filter(g, shape(w), dy, c.attrs<Conv2DAttrs>()));
  if (c.needs(2)) c.set(2, conv2d(g, w, attrs_for(dy, c)));
}

// dw = conv2d_backprop_filter(x, sizes, dy)
void conv2d_backprop_filter_gradient(GradientContext& c) {
  const Output x = c.input(0), dy = c.input(2), g = c.grad();
  if (c.needs(0)) c.set(0, conv2d_backprop_input(shape(x), g, dy, c.attrs<Conv2DAttrs>()));
  if (c.needs(2)) c.set(2, conv2d(x, g, attrs_for(dy, c)));
}

}  // namespace

void register_conv2d_gradients(GradientRegistry& registry) {
  registry.add("Conv2D", conv2d_gradient);
  registry.add("Conv2DBackpropInput", conv2d_backprop_input_gradient);
  registry.add("Conv2DBackpropFilter", conv2d_backprop_filter_gradient);
}

}  // namespace gradus
