// The CPU's kernels of Conv2D and its two gradients: which implementation runs, and their registration.
#include "gradus/ops/conv2d.h"

#include <cstring>

#include "gradus/backends/cpu/conv2d_kernel.h"
#include "gradus/backends/cpu/conv2d_zero_products.h"
#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

// What a plan keeps.
struct State {
  std::unique_ptr<ConvKernel> kernel;
  ZeroProducts zero_products;
};

template <class S, ConvDirection direction>
std::unique_ptr<ConvKernel> make_kernel(const ConvGeometry& g) {
  const bool depthwise = g.group_in() == 1 && g.groups > 1;
  if constexpr (direction == ConvDirection::kBackpropFilter) {
    return depthwise ? make_depthwise_filter<S>(g) : make_conv2d_filter<S>(g);
  } else {
    return depthwise ? make_depthwise_image<S>(g, direction) : make_conv2d_image<S>(g, direction);
  }
}

// Without a kernel the result is empty, or nothing contributes to it and it is 0.
template <class S, ConvDirection direction>
void prepare_conv2d(KernelContext& c) {
  const bool to_image = direction == ConvDirection::kBackpropInput;
  const bool to_filter = direction == ConvDirection::kBackpropFilter;
  const Tensor& image = to_image ? c.output(0) : c.input(0);
  const Tensor& filter = to_filter ? c.output(0) : c.input(1);
  const Tensor& out = direction == ConvDirection::kForward ? c.output(0) : c.input(2);
  if (image.num_elements() == 0 || filter.num_elements() == 0 || out.num_elements() == 0) return;
  const ConvGeometry g = conv_geometry(c.attrs<Conv2DAttrs>().placement(), image.shape(), filter.shape());
  auto state = std::make_shared<State>(State{make_kernel<S, direction>(g), ZeroProducts(g, direction)});
  if (g.group_in() == 1 && g.groups > 1) c.chose("direct depthwise convolution, vectors of channels");
  c.request_scratch(state->kernel->scratch_bytes(c.num_workers()));
  c.state = std::move(state);
}

template <class S>
void compute(KernelContext& c) {
  if (const State* state = static_cast<const State*>(c.state.get()); state != nullptr) {
    state->kernel->run(c);
    state->zero_products.put_right<S>(c);
  } else if (c.output(0).bytes() > 0) {
    std::memset(c.output(0).raw(), 0, c.output(0).bytes());
  }
}

}  // namespace

void register_conv2d_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class S>(TypeTag<S>) {
    const auto add = [&](const char* op, KernelFn prepare_fn) {
      kernels.add({op,
                   kDevice,
                   {dtype_of<S>},
                   compute<S>,
                   prepare_fn,
                   "direct convolution, register tiles over packed strips"});
    };
    add("Conv2D", prepare_conv2d<S, ConvDirection::kForward>);
    add("Conv2DBackpropInput", prepare_conv2d<S, ConvDirection::kBackpropInput>);
    add("Conv2DBackpropFilter", prepare_conv2d<S, ConvDirection::kBackpropFilter>);
  });
}

}  // namespace gradus::cpu
