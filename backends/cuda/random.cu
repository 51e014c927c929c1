// Random tensors and dropout, with the CPU's bits: element i is a function of the stream and of i (ops/random_sampling.h). The run's number,
// which selects the stream, is read where it stands in the device's memory, so that the same launches may be repeated for other runs.
// Compiled with --fmad=false (core/normal.h says why).
#include "gradus/ops/random.h"

#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/random_sampling.h"

namespace gradus::cuda {
namespace {

// Where a kernel finds its stream. Without a run there is no number, and 0 stands for it.
struct Source {
  std::uint64_t key;
  const std::uint64_t* run_number;

  __device__ PhiloxStream stream() const { return {key, run_number == nullptr ? 0 : *run_number}; }
};

Source source_of(const KernelContext& c, std::int64_t seed) { return {random_key(c, seed), c.run_number()}; }

template <class T, class Element>
__global__ void sample(T* y, Source source, Element element, std::int64_t n) {
  const PhiloxStream stream = source.stream();
  for (std::int64_t k = first_item(); k < n; k += item_stride()) {
    const std::uint64_t i = static_cast<std::uint64_t>(k);
    y[k] = element.template finished<T>(stream, i, element.number(element.uniforms(stream, i)));
  }
}

template <class T, class Element, class Attrs>
void sample_kernel(KernelContext& c) {
  const Attrs& attrs = c.attrs<Attrs>();
  const std::int64_t n = c.output(0).num_elements();
  run_over<sample<T, Element>>(c, n, c.output(0).data<T>(), source_of(c, attrs.seed), Element(attrs), n);
}

// A thread has the four elements of a block of the stream.
template <class T>
__global__ void dropout(T* y, T* mask, const T* x, Source source, std::uint64_t threshold, T kept, std::int64_t n) {
  const PhiloxStream stream = source.stream();
  for (std::int64_t block = first_item(); block * 4 < n; block += item_stride()) {
    const auto words = stream.block(static_cast<std::uint64_t>(block));
    for (std::int64_t k = 0; k < 4 && block * 4 + k < n; ++k) {
      const std::int64_t i = block * 4 + k;
      const bool drop = words[static_cast<std::size_t>(k)] < threshold;
      y[i] = drop ? static_cast<T>(0.0) : static_cast<T>(static_cast<Compute<T>>(x[i]) * static_cast<Compute<T>>(kept));
      mask[i] = drop ? static_cast<T>(0.0) : kept;
    }
  }
}

template <class T>
void dropout_kernel(KernelContext& c) {
  const auto& attrs = c.attrs<DropoutAttrs>();
  const std::int64_t n = c.input(0).num_elements();
  run_over<dropout<T>>(c, (n + 3) / 4, c.output(0).data<T>(), c.output(1).data<T>(), c.input(0).data<T>(),
                       source_of(c, attrs.seed), dropout_threshold(attrs.rate),
                       static_cast<T>(1.0 / (1.0 - attrs.rate)), n);
}

}  // namespace

void register_random_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("RandomUniform", kDevice, {dtype_of<T>}, sample_kernel<T, UniformElement, RandomUniformAttrs>);
    kernels.add("RandomNormal", kDevice, {dtype_of<T>}, sample_kernel<T, NormalElement, RandomNormalAttrs>);
    kernels.add("TruncatedNormal", kDevice, {dtype_of<T>}, sample_kernel<T, TruncatedNormalElement, RandomNormalAttrs>);
    kernels.add("Dropout", kDevice, {dtype_of<T>}, dropout_kernel<T>);
  });
}

}  // namespace gradus::cuda
