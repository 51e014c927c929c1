// The op families of this backend; each function is in the file of its family and registers that family's kernels.
#pragma once

#include "gradus/core/kernel.h"

namespace gradus::reference {

inline constexpr const char* kDevice = "ref";

void register_shape_kernels(KernelRegistry& kernels);
void register_layout_kernels(KernelRegistry& kernels);
void register_indexing_kernels(KernelRegistry& kernels);
void register_unary_kernels(KernelRegistry& kernels);
void register_binary_kernels(KernelRegistry& kernels);
void register_compare_kernels(KernelRegistry& kernels);
void register_reduction_kernels(KernelRegistry& kernels);
void register_matmul_kernels(KernelRegistry& kernels);
void register_argmax_kernels(KernelRegistry& kernels);
void register_conv2d_kernels(KernelRegistry& kernels);
void register_optimizer_update_kernels(KernelRegistry& kernels);
void register_random_kernels(KernelRegistry& kernels);
void register_batch_norm_kernels(KernelRegistry& kernels);
void register_softmax_kernels(KernelRegistry& kernels);
void register_bias_add_kernels(KernelRegistry& kernels);
void register_pooling_kernels(KernelRegistry& kernels);
void register_reverse_kernels(KernelRegistry& kernels);
void register_sigmoid_cross_entropy_kernels(KernelRegistry& kernels);

}  // namespace gradus::reference
