// One bias per channel; the gradient sums over everything but the channels, a block per channel.
#include "gradus/ops/bias_add.h"

#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cuda {
namespace {

template <class T>
__global__ void bias_add(T* y, const T* x, const T* bias, AxisExtents e, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    y[i] = static_cast<T>(static_cast<Compute<T>>(x[i]) + static_cast<Compute<T>>(bias[i / e.inner % e.axis]));
  }
}

// The threads share a channel's elements; their sums are added by halves, always in the same order.
template <class T>
__global__ void bias_add_grad(T* db, const T* dy, AxisExtents e) {
  const std::int64_t channel = blockIdx.x;
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < e.outer * e.inner; i += kThreads) {
    sum += static_cast<double>(static_cast<Compute<T>>(dy[(i / e.inner * e.axis + channel) * e.inner + i % e.inner]));
  }
  sum = block_sum<kThreads>(sum);
  if (threadIdx.x == 0) db[channel] = static_cast<T>(sum);
}

AxisExtents extents(const KernelContext& c) {
  return channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format);
}

template <class T>
void bias_add_kernel(KernelContext& c) {
  const std::int64_t n = c.output(0).num_elements();
  run_over<bias_add<T>>(c, n, c.output(0).data<T>(), c.input(0).data<T>(), c.input(1).data<T>(), extents(c), n);
}

template <class T>
void bias_add_grad_kernel(KernelContext& c) {
  const AxisExtents e = extents(c);
  run_blocks<bias_add_grad<T>>(c, e.axis, kThreads, c.output(0).data<T>(), c.input(0).data<T>(), e);
}

}  // namespace

void register_bias_add_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("BiasAdd", kDevice, {dtype_of<T>}, bias_add_kernel<T>);
    kernels.add("BiasAddGrad", kDevice, {dtype_of<T>}, bias_add_grad_kernel<T>);
  });
}

}  // namespace gradus::cuda
