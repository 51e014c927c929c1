#include "gradus/backends/cuda/autotune.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace gradus::cuda {
namespace {

constexpr int kTimes = 5;

Event make_timing_event() {
  cudaEvent_t event = nullptr;
  GRADUS_CUDA(cudaEventCreateWithFlags(&event, cudaEventDefault));
  return Event(event);
}

}  // namespace

cudnn::Choice fastest_plan(CudaDevice& device, const cudnn::Convolution& convolution,
                           std::span<const cudnn::Plan> plans, cudnn::RunPlan run) {
  device.make_current();
  std::size_t workspace_bytes = 1;
  for (const cudnn::Plan& plan : plans) workspace_bytes = std::max(workspace_bytes, plan.workspace_bytes);
  const Stream stream = make_stream();
  std::vector<Buffer> memory;
  const auto allocate = [&](std::int64_t elements) {
    const std::size_t bytes = static_cast<std::size_t>(elements) * dtype_size(convolution.dtype);
    memory.push_back(device.allocate(bytes));
    // About 0.01 in float32 and bfloat16, about 1 in float16: neither zeros, which some hardware is faster with, nor NaN.
    GRADUS_CUDA(cudaMemsetAsync(memory.back().get(), 0x3C, bytes, stream.get()));
    return memory.back().get();
  };
  const ConvGeometry& g = convolution.geometry;
  const std::array<cudnn::Binding, 4> bindings = {{{cudnn::kImage, allocate(g.input_shape().num_elements())},
                                                   {cudnn::kFilter, allocate(g.filter_shape().num_elements())},
                                                   {cudnn::kResult, allocate(g.output_shape().num_elements())},
                                                   {cudnn::kBias, allocate(g.out_channels)}}};
  const auto bound = std::span(bindings).first(convolution.bias ? 4 : 3);
  const Buffer workspace = device.allocate(workspace_bytes);
  const Event begin = make_timing_event(), end = make_timing_event();
  std::size_t best = 0;
  float best_ms = std::numeric_limits<float>::infinity();
  std::size_t refused = 0;
  for (std::size_t k = 0; k < plans.size(); ++k) {
    try {
      run(plans[k], bound, workspace.get(), stream.get());
      GRADUS_CUDA(cudaEventRecord(begin.get(), stream.get()));
      for (int i = 0; i < kTimes; ++i) run(plans[k], bound, workspace.get(), stream.get());
      GRADUS_CUDA(cudaEventRecord(end.get(), stream.get()));
      GRADUS_CUDA(cudaEventSynchronize(end.get()));
    } catch (const Error&) {  // an engine may have promised too much; the others are there
      if (++refused == plans.size()) throw;
      continue;
    }
    float ms = 0;
    GRADUS_CUDA(cudaEventElapsedTime(&ms, begin.get(), end.get()));
    if (ms < best_ms) best = k, best_ms = ms;
  }
  return {best, fmt::format(", the fastest of {} tried ({:.4f} ms)", plans.size() - refused, best_ms / kTimes)};
}

}  // namespace gradus::cuda
