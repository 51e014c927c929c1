// Dropout: four elements per block of the stream, drawn anew in each run; the mask is kept for the gradient.
#include "gradus/ops/random.h"

#include <algorithm>

#include "gradus/backends/common/kernels.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/ops/random_sampling.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kChunk = 4096;  // elements; a multiple of 4, so that no block is computed twice

template <class T>
void dropout(KernelContext& c) {
  const auto& attrs = c.attrs<DropoutAttrs>();
  const PhiloxStream stream = random_stream(c, attrs.seed);
  const std::uint64_t threshold = dropout_threshold(attrs.rate);
  using U = Compute<T>;
  const T kept = static_cast<T>(1.0 / (1.0 - attrs.rate)), zero = static_cast<T>(0.0);
  const T* x = c.input(0).data<T>();
  T *y = c.output(0).data<T>(), *mask = c.output(1).data<T>();
  c.parallel_for(c.input(0).num_elements(), kChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i += 4) {
      const auto words = stream.block(static_cast<std::uint64_t>(i / 4));
      for (std::int64_t j = i; j < std::min(i + 4, end); ++j) {
        const bool drop = words[static_cast<std::size_t>(j - i)] < threshold;
        y[j] = drop ? zero : static_cast<T>(static_cast<U>(x[j]) * static_cast<U>(kept));
        mask[j] = drop ? zero : kept;
      }
    }
  });
}

}  // namespace

void register_random_kernels(KernelRegistry& kernels) {
  common::register_sampling_kernels(kernels, kDevice);

  for_each_floating([&]<class T>(TypeTag<T>) { kernels.add("Dropout", kDevice, {dtype_of<T>}, dropout<T>); });
}

}  // namespace gradus::cpu
