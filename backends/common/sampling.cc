// Random tensors: element i is a function of the stream and of i (ops/random_sampling.h), so that chunks may be drawn in any order.
#include <algorithm>
#include <array>

#include "gradus/backends/common/kernels.h"
#include "gradus/ops/random_sampling.h"

namespace gradus::common {
namespace {

constexpr std::int64_t kSampleChunk = 4096;  // elements
constexpr std::int64_t kBatch = 64;          // numbers at once; a fixed count, so that the loops are vectorised

template <class T, class Element>
void sample_elements(T* out, PhiloxStream stream, Element element, std::int64_t begin, std::int64_t end) {
  std::array<double, kBatch> positive, other, numbers;
  for (std::int64_t i = begin; i < end; i += kBatch) {
    // At the end too many, of which the rest is left.
    for (std::size_t k = 0; k < kBatch; ++k) {
      const PhiloxStream::Pair u = element.uniforms(stream, static_cast<std::uint64_t>(i) + k);
      positive[k] = u.positive;
      other[k] = u.other;
    }
    for (std::size_t k = 0; k < kBatch; ++k) numbers[k] = element.number(PhiloxStream::Pair{positive[k], other[k]});
    for (std::int64_t k = 0; k < std::min(kBatch, end - i); ++k) {
      const double number = numbers[static_cast<std::size_t>(k)];
      out[i + k] = element.template finished<T>(stream, static_cast<std::uint64_t>(i + k), number);
    }
  }
}

template <class Element, class Attrs>
void sample(KernelContext& c) {
  const Attrs& attrs = c.attrs<Attrs>();
  const PhiloxStream stream = random_stream(c, attrs.seed);
  const Element element(attrs);
  visit_floating(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    T* const out = c.output(0).data<T>();
    c.parallel_for(c.output(0).num_elements(), kSampleChunk,
                   [&](std::int64_t begin, std::int64_t end) { sample_elements(out, stream, element, begin, end); });
  });
}

}  // namespace

void register_sampling_kernels(KernelRegistry& kernels, const char* device_type) {
  kernels.add("RandomUniform", device_type, kFloating, sample<UniformElement, RandomUniformAttrs>);
  kernels.add("RandomNormal", device_type, kFloating, sample<NormalElement, RandomNormalAttrs>);
  kernels.add("TruncatedNormal", device_type, kFloating, sample<TruncatedNormalElement, RandomNormalAttrs>);
}

}  // namespace gradus::common
