// One pass over the elements, with an activation where the plan has fused one; the gradient is a sum per channel (channel_sums.h).
#include "gradus/ops/bias_add.h"

#include <type_traits>

#include "gradus/backends/cpu/channel_sums.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/formulas/unary.h"

namespace gradus::cpu {
namespace {

// Activations take and give the rounded sum, so that a fused kernel has the bits of two.
template <class Activation, class T>
T activated(T sum) {
  if constexpr (std::is_same_v<Activation, void>) {
    return sum;
  } else {
    return static_cast<T>(Activation()(static_cast<Compute<T>>(sum)));
  }
}

AxisExtents bias_add_extents(const KernelContext& c) {
  return channel_extents(c.input(0).shape(), c.attrs<BiasAddAttrs>().data_format);
}

// With few channels in the last place, loops over them are too short for vector registers. Several pixels are then taken as one
// with as many times the channels: [outer, channels] as [outer / repeat, repeat * channels].
constexpr std::int64_t kMaxWideChannels = 256;
std::int64_t repeat_of(const AxisExtents& e) {
  std::int64_t repeat = 1;
  if (e.inner != 1 || e.axis == 0) return repeat;
  while (e.outer % (2 * repeat) == 0 && e.outer > 0 && 2 * repeat * e.axis <= kMaxWideChannels) repeat *= 2;
  return repeat;
}
AxisExtents widened(AxisExtents e) {
  const std::int64_t repeat = repeat_of(e);
  e.outer /= repeat;
  e.axis *= repeat;
  return e;
}

// y = activation(x + bias)
template <class T, class Activation>
void bias_add(KernelContext& c) {
  using U = Compute<T>;
  const AxisExtents narrow = bias_add_extents(c), e = widened(narrow);
  const T *const x = c.input(0).data<T>(), *const bias = c.input(1).data<T>();
  T repeated[kMaxWideChannels];
  const T* wide = bias;
  if (e.axis != narrow.axis) {
    for (std::int64_t k = 0; k < e.axis; ++k) repeated[k] = bias[k % narrow.axis];
    wide = repeated;
  }
  for_channel_elements(
      c, e, c.output(0).data<T>(), [=](std::int64_t k) { return static_cast<U>(wide[k]); },
      [=](U of, std::int64_t i) { return activated<Activation>(static_cast<T>(static_cast<U>(x[i]) + of)); }, x);
}

void prepare_bias_add_grad(KernelContext& c) { c.request_scratch(ChannelParts(widened(bias_add_extents(c))).bytes(1)); }

template <class T>
void bias_add_grad(KernelContext& c) {
  const std::int64_t channels = bias_add_extents(c).axis;
  const ChannelParts parts(widened(bias_add_extents(c)));
  const T* const dy = c.input(0).data<T>();
  double* const sums = c.scratch<double>();
  channel_sums<1>(
      c, parts, sums,
      [=](std::int64_t i, std::int64_t) {
        return std::array<double, 1>{static_cast<double>(static_cast<Compute<T>>(dy[i]))};
      },
      dy);
  T* const result = c.output(0).data<T>();
  for (std::int64_t k = 0; k < channels; ++k) {
    double sum = 0;
    for (std::int64_t w = k; w < parts.e.axis; w += channels) sum += sums[w];
    result[k] = static_cast<T>(sum);
  }
}

}  // namespace

void register_bias_add_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("BiasAdd", kDevice, dtype, bias_add<T, void>);
    kernels.add_fused({"BiasAdd", "Relu"}, kDevice, dtype, bias_add<T, formulas::Relu>);
    kernels.add_fused({"BiasAdd", "Relu6"}, kDevice, dtype, bias_add<T, formulas::Relu6>);
    kernels.add("BiasAddGrad", kDevice, dtype, bias_add_grad<T>, prepare_bias_add_grad);
  });
}

}  // namespace gradus::cpu
