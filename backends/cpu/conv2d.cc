// The CPU's kernels of Conv2D and its two gradients: which implementation runs, and their registration.
#include "gradus/ops/conv2d.h"

#include <fmt/format.h>

#include <cstring>

#include "gradus/backends/cpu/conv2d_choice.h"
#include "gradus/backends/cpu/conv2d_kernel.h"
#include "gradus/backends/cpu/conv2d_zero_products.h"
#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

// What a plan keeps.
struct State {
  std::unique_ptr<ConvKernel> kernel;
  ZeroProducts zero_products;
  ConvEpilogue epilogue;
};

// A kernel, and what it is if it is a direct one.
struct Made {
  std::unique_ptr<ConvKernel> kernel;
  const char* direct = nullptr;
};

constexpr const char* kTiles = "direct convolution, register tiles over packed strips";

template <class S, ConvDirection direction>
Made make_kernel(const ConvGeometry& g, ConvAlgorithm algorithm) {
  constexpr bool to_filter = direction == ConvDirection::kBackpropFilter;
  if constexpr (!std::is_same_v<S, double>) {
    if (algorithm == ConvAlgorithm::kWinograd) {
      if constexpr (to_filter)
        return {make_winograd_filter<S>(g)};
      else
        return {make_winograd_image<S>(g, direction)};
    }
  }
  constexpr const char* kVectors = "direct depthwise convolution, vectors of channels";
  if constexpr (to_filter) {
    if (algorithm == ConvAlgorithm::kGemm) return {make_gemm_filter<S>(g)};
    if (is_depthwise(g)) return {make_depthwise_filter<S>(g), kVectors};
    return {make_conv2d_filter<S>(g), kTiles};
  } else {
    if (algorithm == ConvAlgorithm::kGemm) return {make_gemm_image<S>(g, direction)};
    if (is_depthwise(g)) return {make_depthwise_image<S>(g, direction), kVectors};
    if (auto dots = make_dot_image<S>(g, direction))
      return {std::move(dots), "direct convolution, scalar products along packed strips"};
    if (auto planar = make_planar_image<S>(g, direction))
      return {std::move(planar), "direct convolution, vectors along the rows of packed strips"};
    return {make_conv2d_image<S>(g, direction), kTiles};
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
  if (image.num_elements() == 0 || filter.num_elements() == 0 || out.num_elements() == 0)
    return c.chose("no products: zeros, if anything");
  const ConvGeometry g = conv_geometry(c.attrs<Conv2DAttrs>().placement(), image.shape(), filter.shape());
  const ConvChoice choice = choose_conv(g, direction, dtype_of<S>, c.device().options().conv_algorithm);
  Made made = make_kernel<S, direction>(g, choice.algorithm);
  c.chose(made.direct == nullptr ? choice.reason : fmt::format("{} ({})", made.direct, choice.reason));
  auto state = std::make_shared<State>(
      State{std::move(made.kernel), ZeroProducts(g, direction), ConvEpilogue(c, g.data_format)});
  c.request_scratch(state->kernel->scratch_bytes(c.num_workers()));
  c.state = std::move(state);
}

template <class S>
void compute(KernelContext& c) {
  State* const state = static_cast<State*>(c.state.get());
  if (state != nullptr) {
    const bool put_right = state->zero_products.matter<S>(c);
    const bool has_epilogue = c.num_nodes() > 1;
    if (has_epilogue) state->epilogue.begin<S>(c);
    state->kernel->run(c, has_epilogue && !put_right ? &state->epilogue : nullptr);
    if (!put_right) return;
    state->zero_products.put_right<S>(c);
    if (has_epilogue) state->epilogue.finish_all();
  } else if (c.output(0).bytes() > 0) {
    std::memset(c.output(0).raw(), 0, c.output(0).bytes());
    if (c.num_nodes() > 1) {
      ConvEpilogue epilogue(c, c.attrs<Conv2DAttrs>().data_format);
      epilogue.begin<S>(c);
      epilogue.finish_all();
    }
  }
}

}  // namespace

void register_conv2d_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class S>(TypeTag<S>) {
    const auto add = [&](const char* op, KernelFn prepare_fn) {
      kernels.add({op, kDevice, {dtype_of<S>}, compute<S>, prepare_fn, kTiles});
    };
    add("Conv2D", prepare_conv2d<S, ConvDirection::kForward>);
    add("Conv2DBackpropInput", prepare_conv2d<S, ConvDirection::kBackpropInput>);
    add("Conv2DBackpropFilter", prepare_conv2d<S, ConvDirection::kBackpropFilter>);
    const auto add_chains = [&](const char* op, const std::vector<std::vector<FusedOp>>& chains, KernelFn prepare_fn) {
      for (std::vector<FusedOp> chain : chains) {
        chain.insert(chain.begin(), op);
        kernels.add_fused(std::move(chain), kDevice, {dtype_of<S>}, compute<S>, prepare_fn);
      }
    };
    add_chains("Conv2D", ConvEpilogue::forward_chains(), prepare_conv2d<S, ConvDirection::kForward>);
    add_chains("Conv2DBackpropInput", ConvEpilogue::gradient_chains(),
               prepare_conv2d<S, ConvDirection::kBackpropInput>);
  });
}

}  // namespace gradus::cpu
