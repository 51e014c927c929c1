// Kernels of several nodes, as plain loops with exactly the bits of the reference's kernels one after the other, and the device
// fusing:0, which has them beside the reference's:
//   - Conv2D + BiasAdd + Relu, FusedBatchNorm + Add + Relu, and chains of Add, Sub, Neg and Relu in float64, each element at a time;
//   - any number of ApplyGradientDescent, ApplyMomentum, ApplyAdam and AssignAdd at once.
// A rehearsal for backends that fuse more than the CPU's. far:0 has them too.
#pragma once

#include <vector>

#include "gradus/core/kernel.h"

namespace gradus {

// Their definitions but for the device type: with a chain, or batched where that is empty.
const std::vector<KernelDef>& fused_test_kernels();

// Makes fusing:0 known; a program that calls this once has it.
void register_fusing_device();

}  // namespace gradus
