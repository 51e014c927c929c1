// The op families of this backend; each function is in the file of its family and registers that family's kernels.
#pragma once

#include "gradus/backends/common/compute.h"
#include "gradus/backends/common/loop_nest.h"
#include "gradus/backends/common/work.h"
#include "gradus/core/kernel.h"

namespace gradus::cpu {

using namespace common;  // what host kernels share: Compute<T>, LoopNest, chunks of work

inline constexpr const char* kDevice = "cpu";

void register_unary_kernels(KernelRegistry& kernels);
void register_binary_kernels(KernelRegistry& kernels);
void register_compare_kernels(KernelRegistry& kernels);
void register_reduction_kernels(KernelRegistry& kernels);
void register_matmul_kernels(KernelRegistry& kernels);
void register_argmax_kernels(KernelRegistry& kernels);
void register_shape_kernels(KernelRegistry& kernels);
void register_layout_kernels(KernelRegistry& kernels);
void register_layout_sum_kernels(KernelRegistry& kernels);  // called by register_layout_kernels
void register_indexing_kernels(KernelRegistry& kernels);
void register_conv2d_kernels(KernelRegistry& kernels);
void register_optimizer_update_kernels(KernelRegistry& kernels);
void register_random_kernels(KernelRegistry& kernels);
void register_batch_norm_kernels(KernelRegistry& kernels);
void register_softmax_kernels(KernelRegistry& kernels);
void register_bias_add_kernels(KernelRegistry& kernels);
void register_pooling_kernels(KernelRegistry& kernels);
void register_reverse_kernels(KernelRegistry& kernels);
void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels);

}  // namespace gradus::cpu
