// The convolution family on GPUs: conv2d.cc decides what computes it, conv2d.cu has the project's own kernels, cudnn/ has NVIDIA's.
#pragma once

#include <cstddef>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/core/kernel.h"

namespace gradus::cuda {

// All of the kernel's dtype, in the device's memory, put into its stream.

// The convolution or gradient as it is defined, without bias and relu; any size may be 0.
void run_plain_conv2d(KernelContext& c, const cudnn::Convolution& convolution);
// y += bias, one per channel, then relu where the convolution has one; each step rounded to the dtype, as single nodes would.
// `format` says where the channels of y are.
void run_bias_and_relu(KernelContext& c, const cudnn::Convolution& convolution, DataFormat format);
// Filters have their output channels last in TensorFlow and first in cuDNN, which has the channels where images of the format have them:
// [out_channels, rows, columns, channels within the group] or [out_channels, channels within the group, rows, columns].
PackFn filter_packer(DataFormat format);
// From that order to ours.
void unpack_filter(KernelContext& c, Tensor& to, const void* from, DataFormat format);

}  // namespace gradus::cuda
