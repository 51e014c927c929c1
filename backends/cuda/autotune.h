// Which of cuDNN's plans for a convolution is the fastest, by trying (SessionOptions::autotune).
#pragma once

#include <span>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/device.h"

namespace gradus::cuda {

// On memory of its own, in a stream of its own, so that no tensor of a plan is touched: each plan once to load its kernels, then a few
// times between two events. Throws ResourceExhausted where the device has no memory for that.
cudnn::Choice fastest_plan(CudaDevice& device, const cudnn::Convolution& convolution,
                           std::span<const cudnn::Plan> plans, cudnn::RunPlan run);

}  // namespace gradus::cuda
