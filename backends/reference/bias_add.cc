// y = x + bias[channel]; its gradient sums over everything but the channels.
#include "gradus/ops/bias_add.h"

#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// Both ops see their tensor as [outer, channels, inner].
void bias_add(KernelContext& c) {
  const AxisExtents e = channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format);
  for (std::int64_t i = 0; i < c.input(0).num_elements(); ++i) {
    c.output(0).set(i, c.input(0).at(i) + c.input(1).at(i / e.inner % e.axis));
  }
}

void bias_add_grad(KernelContext& c) {
  const AxisExtents e = channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format);
  for (std::int64_t channel = 0; channel < e.axis; ++channel) {
    double sum = 0;
    for (std::int64_t o = 0; o < e.outer; ++o) {
      for (std::int64_t i = 0; i < e.inner; ++i) sum += c.input(0).at((o * e.axis + channel) * e.inner + i);
    }
    c.output(0).set(channel, sum);
  }
}

}  // namespace

void register_bias_add_kernels(KernelRegistry& kernels) {
  kernels.add("BiasAdd", kDevice, kFloating, bias_add);
  kernels.add("BiasAddGrad", kDevice, kFloating, bias_add_grad);
}

}  // namespace gradus::reference
