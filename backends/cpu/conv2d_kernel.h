// The CPU's convolution kernels as the registration sees them. make_*() is called when a plan is compiled, run() per
// step.
#pragma once

#include <memory>

#include "gradus/backends/cpu/conv2d_epilogue.h"
#include "gradus/backends/cpu/conv2d_plan.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

class ConvKernel {
 public:
  virtual ~ConvKernel() = default;
  // `epilogue`, if there is one, gets the rows of an image of the result as soon as they are complete.
  virtual void run(KernelContext& c, const ConvEpilogue* epilogue) = 0;
  virtual std::size_t scratch_bytes(int workers) const = 0;
};

// S: an element type of kFloating. Those whose result is an image, Conv2D and Conv2DBackpropInput, and those whose result is a filter.
template <class S>
std::unique_ptr<ConvKernel> make_conv2d_image(const ConvGeometry& geometry, ConvDirection direction);
template <class S>
std::unique_ptr<ConvKernel> make_conv2d_filter(const ConvGeometry& geometry);
// Conv2D and Conv2DBackpropInput for results of few channels and sources of many; nullptr where make_conv2d_image's is at least as good.
template <class S>
std::unique_ptr<ConvKernel> make_dot_image(const ConvGeometry& geometry, ConvDirection direction);
// Both, from sources of one channel to results of few, without strides; nullptr where make_conv2d_image's is at least as good.
template <class S>
std::unique_ptr<ConvKernel> make_planar_image(const ConvGeometry& geometry, ConvDirection direction);
// Both, for one channel per group (is_depthwise()).
template <class S>
std::unique_ptr<ConvKernel> make_depthwise_image(const ConvGeometry& geometry, ConvDirection direction);
template <class S>
std::unique_ptr<ConvKernel> make_depthwise_filter(const ConvGeometry& geometry);

// Both, as products of matrices, for all but one channel per group.
template <class S>
std::unique_ptr<ConvKernel> make_gemm_image(const ConvGeometry& geometry, ConvDirection direction);
template <class S>
std::unique_ptr<ConvKernel> make_gemm_filter(const ConvGeometry& geometry);
// Both, by Winograd's minimal filtering: 3x3 or 5x5 taps, stride and groups 1, no dilation larger than the result; S is not
// double.
template <class S>
std::unique_ptr<ConvKernel> make_winograd_image(const ConvGeometry& geometry, ConvDirection direction);
template <class S>
std::unique_ptr<ConvKernel> make_winograd_filter(const ConvGeometry& geometry);

}  // namespace gradus::cpu
