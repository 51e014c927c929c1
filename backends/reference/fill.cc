// Tensors of one value, broadcasting by index, and ranges that count up.
#include "gradus/backends/common/host_operands.h"
#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/core/wrapping.h"

namespace gradus::reference {
namespace {

template <int value>
void like_kernel(KernelContext& c) {
  c.output(0).fill(value);
}

void fill_kernel(KernelContext& c) {
  for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) copy_element(c.output(0), i, c.input(1), 0);
}

// y[i] = x[i], where dimensions that x lacks are left out and its dimensions of size 1 are read at 0.
void broadcast_to_kernel(KernelContext& c) {
  const Tensor& x = c.input(0);
  const int missing = c.output(0).shape().rank() - x.shape().rank();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    Index from{};
    for (int d = 0; d < x.shape().rank(); ++d) {
      from[static_cast<std::size_t>(d)] = x.shape()[d] == 1 ? 0 : to[static_cast<std::size_t>(d + missing)];
    }
    copy_element(c.output(0), i, x, position_of(from, x.shape()));
  });
}

void range_kernel(KernelContext& c) {
  const auto fill_with = [&]<class T>(TypeTag<T>) {
    const T delta = static_cast<T>(c.kept<common::Range>().delta);
    T value = static_cast<T>(c.kept<common::Range>().start);
    for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) {
      c.output(0).data<T>()[i] = value;
      value = static_cast<T>(wrapping(value) + wrapping(delta));
    }
  };
  if (c.output(0).dtype() == DType::kInt32)
    fill_with(TypeTag<std::int32_t>{});
  else
    fill_with(TypeTag<std::int64_t>{});
}

}  // namespace

void register_fill_kernels(KernelRegistry& kernels) {
  kernels.add("ZerosLike", kDevice, kAllDTypes, like_kernel<0>);
  kernels.add("OnesLike", kDevice, kAllDTypes, like_kernel<1>);
  kernels.add("Fill", kDevice, kAllDTypes, fill_kernel);
  kernels.add("BroadcastTo", kDevice, kAllDTypes, broadcast_to_kernel);
  kernels.add("Range", kDevice, {DType::kInt32, DType::kInt64}, range_kernel, common::prepare_range);
}

}  // namespace gradus::reference
