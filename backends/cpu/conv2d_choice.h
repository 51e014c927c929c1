// Which algorithm computes a convolution on the CPU. (Which of the direct kernels carries it out, conv2d.cc decides: that is a matter of
// the instruction set as well.)
#pragma once

#include <string>

#include "gradus/backends/cpu/conv2d_plan.h"
#include "gradus/core/conv_algorithm.h"
#include "gradus/core/dtype.h"

namespace gradus::cpu {

struct ConvChoice {
  ConvAlgorithm algorithm;  // not kAuto
  std::string reason;       // for explain: why it and no other; unless it is direct, after what it is
};

// By shape, dtype and what was asked for alone, so that the same program gives the same bits on every machine of an instruction set. The
// geometry has no empty side.
ConvChoice choose_conv(const ConvGeometry& geometry, ConvDirection direction, DType dtype, ConvAlgorithm wanted);

}  // namespace gradus::cpu
