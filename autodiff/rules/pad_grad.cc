// Gradients of paddings: of constants a slice, of mirrored elements the adjoint op.
#include "gradus/autodiff/register_all.h"
#include "gradus/ops/pad.h"
#include "gradus/ops/shape_operand.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

void pad_gradient(GradientContext& c) {
  const auto& paddings = c.attrs<PadAttrs>().paddings;
  std::vector<std::int64_t> before;
  for (std::size_t i = 0; i < paddings.size(); i += 2) before.push_back(paddings[i]);
  c.set(0, slice(c.grad(), constant(c.graph(), before), shape_of(c.input(0))));
}

}  // namespace

void register_pad_gradients(GradientRegistry& registry) {
  using C = GradientContext;
  registry.add("Pad", pad_gradient);
  registry.add("MirrorPad", [](C& c) { c.set(0, mirror_pad_grad(c.grad(), c.attrs<MirrorPadAttrs>())); });
  registry.add("MirrorPadGrad",
               [](C& c) { c.set(0, pad(c.grad(), c.attrs<MirrorPadAttrs>().paddings, PadMode::kReflect)); });
}

}  // namespace gradus
