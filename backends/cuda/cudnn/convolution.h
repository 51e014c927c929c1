// A convolution as a graph of cuDNN's operations.
#pragma once

#include <string>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/cudnn/descriptor.h"

namespace gradus::cudnn {

// Throws InvalidArgument for sizes of 0 and for what cuDNN has no number for; Unimplemented where cuDNN knows no such convolution.
Descriptor operation_graph(const Convolution& convolution);

// All that tells one convolution from another.
std::string key_of(const Convolution& convolution);

}  // namespace gradus::cudnn
