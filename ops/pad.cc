#include "gradus/ops/pad.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void pad_shape(ShapeContext& c) {
  const Number& value = c.attrs<PadAttrs>().constant_value;
  if (!fits(value, c.input_dtype(0))) c.fail(misfit_text("constant_value", value, c.input_dtype(0)));
  c.set_output(0, c.input_dtype(0), padded_shape(c.input_shape(0), c.attrs<PadAttrs>().paddings, false));
}
void mirror_pad_shape(ShapeContext& c) {
  c.set_output(0, c.input_dtype(0), padded_shape(c.input_shape(0), c.attrs<MirrorPadAttrs>().paddings, true));
}
void mirror_pad_grad_shape(ShapeContext& c) {
  c.set_output(0, c.input_dtype(0), padded_shape(c.input_shape(0), c.attrs<MirrorPadAttrs>().paddings, true, -1));
}

}  // namespace

Output pad(const Output& x, const std::vector<std::int64_t>& paddings, PadMode mode, Number constant_value, At at) {
  if (mode == PadMode::kReflect) return add_op("MirrorPad", {x}, MirrorPadAttrs{paddings}, at);
  return add_op("Pad", {x}, PadAttrs{paddings, constant_value}, at);
}

Output mirror_pad_grad(const Output& dy, const MirrorPadAttrs& attrs, At at) {
  return add_op("MirrorPadGrad", {dy}, attrs, at);
}

void register_pad_ops(OpRegistry& registry) {
  registry.add(def("Pad", {"x"}, {"y"}, pad_shape, "x with a constant around it.").attrs(PadAttrs{}));
  registry.add(def("MirrorPad", {"x"}, {"y"}, mirror_pad_shape,
                   "x with its own elements around it, mirrored at the border element.")
                   .attrs(MirrorPadAttrs{}));
  registry.add(def("MirrorPadGrad", {"dy"}, {"dx"}, mirror_pad_grad_shape,
                   "dy without its paddings, which are added to what they mirror.")
                   .attrs(MirrorPadAttrs{}));
}

}  // namespace gradus
