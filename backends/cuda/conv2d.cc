// Conv2D, its two gradients, and Conv2D with what often follows it: by cuDNN where it has an engine that may be taken, else by the
// project's own plain kernels. explain() says which.
#include "gradus/backends/cuda/conv2d.h"

#include <fmt/format.h>

#include <array>

#include "gradus/backends/common/work.h"
#include "gradus/backends/cuda/autotune.h"
#include "gradus/backends/cuda/device.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/conv2d.h"

namespace gradus::cuda {
namespace {

using cudnn::Direction;

// What a plan keeps.
struct ConvState {
  cudnn::Convolution convolution;
  std::shared_ptr<const cudnn::Plan> plan = nullptr;  // nullptr: the plain kernel
  std::size_t filter_bytes = 0;  // of cuDNN's, in scratch memory before the workspace; 0: it is packed
};

// With one operand per direction that is the result.
cudnn::Convolution convolution_of(const KernelContext& c, Direction direction) {
  const Tensor& image = direction == Direction::kBackpropInput ? c.output(0) : c.input(0);
  const Tensor& filter = direction == Direction::kBackpropFilter ? c.output(0) : c.input(1);
  WindowPlacement placement = c.attrs<Conv2DAttrs>().placement();
  placement.allow_empty_output = true;  // the shape function has refused what must not be
  return {.direction = direction,
          .dtype = c.output(0).dtype(),
          .geometry = conv_geometry(placement, image.shape(), filter.shape())};
}

// The attributes of the BiasAdd that follows are about the same channels as the convolution's.
bool has_joint_channels(const KernelContext& c) {
  return c.num_nodes() < 2 || c.attrs<BiasAddAttrs>(1).data_format == c.attrs<Conv2DAttrs>().data_format;
}

void prepare(KernelContext& c, Direction direction) {
  ConvState state{.convolution = convolution_of(c, direction)};
  cudnn::Convolution& convolution = state.convolution;
  convolution.bias = c.num_nodes() > 1;
  convolution.relu = c.num_nodes() > 2;
  const ConvGeometry& g = convolution.geometry;
  const bool is_empty = g.input_shape().num_elements() == 0 || g.filter_shape().num_elements() == 0 ||
                        g.output_shape().num_elements() == 0;
  std::string why_not;
  if (is_empty) {
    why_not = "a size is 0";
  } else if (!c.attrs<Conv2DAttrs>().use_cudnn_on_gpu) {
    why_not = "use_cudnn_on_gpu is false";
  } else if (!has_joint_channels(c)) {
    why_not = "the bias has another data_format";
  } else if (cudnn::Found found = cudnn::find(); !found.missing.empty()) {
    why_not = found.missing;
  } else {
    CudaDevice& device = device_of(c);
    device.make_current();
    const DeviceOptions& options = device.options();
    state.plan = device.cudnn().plan(
        convolution,
        {.deterministic = options.deterministic, .allow_tf32 = options.allow_tf32, .autotune = options.autotune},
        [&](const cudnn::Convolution& what, std::span<const cudnn::Plan> plans, cudnn::RunPlan run) {
          return fastest_plan(device, what, plans, run);
        },
        &why_not);
  }
  if (state.plan != nullptr) {
    const auto bytes = static_cast<std::size_t>(common::round_up(
        g.filter_shape().num_elements() * static_cast<std::int64_t>(dtype_size(convolution.dtype)), 256));
    const bool is_packed =
        direction != Direction::kBackpropFilter && c.request_packed(1, filter_packer(g.data_format), bytes);
    state.filter_bytes = is_packed ? 0 : bytes;
    c.request_scratch(state.filter_bytes + state.plan->workspace_bytes);
    c.chose(state.plan->description);
  } else {
    c.request_scratch(0);
    c.chose("plain kernel: " + why_not);
  }
  c.keep(std::move(state));
}

void run_cudnn(KernelContext& c, const ConvState& state) {
  const cudnn::Convolution& convolution = state.convolution;
  CudaDevice& device = device_of(c);
  device.make_current();
  const DataFormat format = convolution.geometry.data_format;
  void* filter = c.scratch<char>();
  void* const workspace = c.scratch<char>() + state.filter_bytes;
  const auto memory = [](const Tensor& tensor) { return const_cast<void*>(tensor.raw()); };
  const auto run = [&](void* image, void* result, void* bias) {
    const std::array<cudnn::Binding, 4> bindings = {
        {{cudnn::kImage, image}, {cudnn::kFilter, filter}, {cudnn::kResult, result}, {cudnn::kBias, bias}}};
    device.cudnn().run(*state.plan, std::span(bindings).first(convolution.bias ? 4 : 3), workspace, device.stream());
  };
  if (state.filter_bytes == 0) {
    filter = const_cast<void*>(c.packed(1));
  } else if (convolution.direction != Direction::kBackpropFilter) {
    filter_packer(format)(device, std::array{PackItem{&c.input(1), filter}});
  }
  switch (convolution.direction) {
    case Direction::kForward:
      run(memory(c.input(0)), c.output(0).raw(), convolution.bias ? memory(c.input(2)) : nullptr);
      break;
    case Direction::kBackpropInput: run(c.output(0).raw(), memory(c.input(2)), nullptr); break;
    case Direction::kBackpropFilter:
      run(memory(c.input(0)), memory(c.input(2)), nullptr);
      unpack_filter(c, c.output(0), filter, format);
      break;
  }
}

void compute(KernelContext& c) {
  const auto& state = c.kept<ConvState>();
  if (state.plan != nullptr) return run_cudnn(c, state);
  run_plain_conv2d(c, state.convolution);
  if (state.convolution.bias) run_bias_and_relu(c, state.convolution, c.attrs<BiasAddAttrs>(1).data_format);
}

}  // namespace

void register_conv2d_kernels(KernelRegistry& kernels) {
  const auto add = [&](const char* op, KernelFn prepare_fn) {
    kernels.add(op, "cuda", kFloating, compute, prepare_fn);
  };
  const KernelFn prepare_forward = [](KernelContext& c) { prepare(c, Direction::kForward); };
  add("Conv2D", prepare_forward);
  add("Conv2DBackpropInput", [](KernelContext& c) { prepare(c, Direction::kBackpropInput); });
  add("Conv2DBackpropFilter", [](KernelContext& c) { prepare(c, Direction::kBackpropFilter); });
  kernels.add_fused({"Conv2D", "BiasAdd"}, "cuda", kFloating, compute, prepare_forward);
  kernels.add_fused({"Conv2D", "BiasAdd", "Relu"}, "cuda", kFloating, compute, prepare_forward);
}

}  // namespace gradus::cuda
