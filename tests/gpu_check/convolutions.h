// The convolutions that are planned and run by cuDNN: those of the built-in models and a small matrix of all attributes, in four dtypes,
// three directions, and forward with bias and relu.
#pragma once

#include <string>
#include <vector>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/cudnn/descriptor.h"
#include "tests/gpu_check/checks.h"

namespace gradus::gpu_check {

struct NamedConvolution {
  std::string name;  // "float32 backprop_input lenet5 [..] * [..] = [..]"
  cudnn::Convolution convolution;
  cudnn::Policy policy;
};

// With the models' images `batch` at a time; those of the options' choice.
std::vector<NamedConvolution> chosen_convolutions(std::int64_t batch, const ConvolutionOptions& options);

// The first plan that cuDNN recommends and the policy allows, made for a device of these properties; without descriptor where there is none,
// and then the description says why.
cudnn::Plan plan_of(const NamedConvolution& convolution, const cudnn::Descriptor& properties);

// A device's description (tests/cuda/described_device.h goes the other way).
std::string json_of_properties(const cudnn::Descriptor& properties);

}  // namespace gradus::gpu_check
