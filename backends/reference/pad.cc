// Padding, element by element; the gradient of reflection adds each element to the one it mirrors.
#include "gradus/ops/pad.h"

#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

void pad(KernelContext& c) {
  const auto& attrs = c.attrs<PadAttrs>();
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    for (T& element : c.output(0).flat<T>()) element = *attrs.constant_value.as<T>();
  });
  for_each_index(c.input(0).shape(), [&](const Index& from, std::int64_t i) {
    Index to{};
    for (int d = 0; d < c.input(0).shape().rank(); ++d) to[at(d)] = from[at(d)] + attrs.paddings[at(2 * d)];
    copy_element(c.output(0), position_of(to, c.output(0).shape()), c.input(0), i);
  });
}

// Where an element of the padded tensor comes from.
Index mirrored(const Index& padded, const Shape& x, const std::vector<std::int64_t>& paddings) {
  Index from{};
  for (int d = 0; d < x.rank(); ++d) from[at(d)] = reflected(padded[at(d)] - paddings[at(2 * d)], x[d]);
  return from;
}

void mirror_pad(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    copy_element(c.output(0), i, c.input(0), position_of(mirrored(to, x, c.attrs<MirrorPadAttrs>().paddings), x));
  });
}

void mirror_pad_grad(KernelContext& c) {
  const Shape& x = c.output(0).shape();
  scatter_add(c.output(0), c.input(0),
              [&](const Index& index) { return mirrored(index, x, c.attrs<MirrorPadAttrs>().paddings); });
}

}  // namespace

void register_pad_kernels(KernelRegistry& kernels) {
  kernels.add("Pad", kDevice, kAllDTypes, pad);
  kernels.add("MirrorPad", kDevice, kAllDTypes, mirror_pad);
  kernels.add("MirrorPadGrad", kDevice, kNumeric, mirror_pad_grad);
}

}  // namespace gradus::reference
