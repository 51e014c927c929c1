// Dropout as it is defined: word i of the stream decides about element i.
#include "gradus/ops/random.h"

#include "gradus/backends/common/kernels.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/random_sampling.h"

namespace gradus::reference {
namespace {

void dropout(KernelContext& c) {
  const auto& attrs = c.attrs<DropoutAttrs>();
  const PhiloxStream stream = random_stream(c, attrs.seed);
  const std::uint64_t threshold = dropout_threshold(attrs.rate);
  for (std::int64_t i = 0; i < c.input(0).num_elements(); ++i) {
    const auto word = stream.block(static_cast<std::uint64_t>(i / 4))[static_cast<std::size_t>(i % 4)];
    c.output(1).set(i, word < threshold ? 0.0 : 1.0 / (1.0 - attrs.rate));
    c.output(0).set(i, word < threshold ? 0.0 : c.input(0).at(i) * c.output(1).at(i));
  }
}

}  // namespace

void register_random_kernels(KernelRegistry& kernels) {
  common::register_sampling_kernels(kernels, kDevice);
  kernels.add("Dropout", kDevice, kFloating, dropout);
}

}  // namespace gradus::reference
