// Random tensors: element i is a function of the stream and of i (ops/random_sampling.h), so that chunks may be drawn in any order.
#include "gradus/backends/common/kernels.h"
#include "gradus/ops/random_sampling.h"

namespace gradus::common {
namespace {

constexpr std::int64_t kSampleChunk = 4096;  // elements; a multiple of 4, so that no block is computed twice

template <void (*sample)(KernelContext&, std::int64_t, std::int64_t)>
void sample_kernel(KernelContext& c) {
  c.parallel_for(c.output(0).num_elements(), kSampleChunk,
                 [&](std::int64_t begin, std::int64_t end) { sample(c, begin, end); });
}

}  // namespace

void register_sampling_kernels(KernelRegistry& kernels, const char* device_type) {
  kernels.add("RandomUniform", device_type, kFloating, sample_kernel<sample_uniform>);
  kernels.add("RandomNormal", device_type, kFloating, sample_kernel<sample_normal>);
  kernels.add("TruncatedNormal", device_type, kFloating, sample_kernel<sample_truncated_normal>);
}

}  // namespace gradus::common
