#include "gradus/ops/bias_add.h"

#include <type_traits>

#include "gradus/backends/cpu/channel_sums.h"
#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

template <class T>
using Compute = std::conditional_t<std::is_same_v<T, Float16>, float, T>;

ChannelExtents extents(const KernelContext& c) {
  return channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format);
}

template <class T>
void bias_add(KernelContext& c) {
  using U = Compute<T>;
  const ChannelExtents e = extents(c);
  const T *const x = c.input(0).data<T>(), *const bias = c.input(1).data<T>();
  T* const y = c.output(0).data<T>();
  for_channel_runs(
      c, e,
      [=](std::int64_t first) {
        for (std::int64_t k = 0; k < e.channels; ++k) {
          y[first + k] = static_cast<T>(static_cast<U>(x[first + k]) + static_cast<U>(bias[k]));
        }
      },
      [=](std::int64_t first, std::int64_t last, std::int64_t channel) {
        const U b = static_cast<U>(bias[channel]);
        for (std::int64_t i = first; i < last; ++i) y[i] = static_cast<T>(static_cast<U>(x[i]) + b);
      });
}

void prepare_bias_add_grad(KernelContext& c) { c.request_scratch(ChannelParts(extents(c)).bytes(1)); }

template <class T>
void bias_add_grad(KernelContext& c) {
  const ChannelParts parts(extents(c));
  const T* const dy = c.input(0).data<T>();
  double* const sums = c.scratch<double>();
  channel_sums<1>(c, parts, sums, [=](std::int64_t i, std::int64_t) {
    return std::array<double, 1>{static_cast<double>(static_cast<Compute<T>>(dy[i]))};
  });
  T* const result = c.output(0).data<T>();
  for (std::int64_t k = 0; k < parts.e.channels; ++k) result[k] = static_cast<T>(sums[k]);
}

}  // namespace

void register_bias_add_kernels(KernelRegistry& kernels) {
  const auto add = [&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("BiasAdd", kDevice, dtype, bias_add<T>);
    kernels.add("BiasAddGrad", kDevice, dtype, bias_add_grad<T>, prepare_bias_add_grad);
  };
  add(TypeTag<Float16>{});
  add(TypeTag<float>{});
  add(TypeTag<double>{});
}

}  // namespace gradus::cpu
