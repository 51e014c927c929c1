// Registers every gradient rule; one function per op family, each in autodiff/rules/<family>_grad.cc.
#pragma once

#include "gradus/autodiff/gradient_registry.h"

namespace gradus {

void register_source_gradients(GradientRegistry& registry);
void register_conv2d_gradients(GradientRegistry& registry);
void register_custom_gradient_gradients(GradientRegistry& registry);
void register_shape_gradients(GradientRegistry& registry);
void register_optimizer_update_gradients(GradientRegistry& registry);
void register_random_gradients(GradientRegistry& registry);
void register_batch_norm_gradients(GradientRegistry& registry);
void register_softmax_gradients(GradientRegistry& registry);
void register_unary_gradients(GradientRegistry& registry);
void register_binary_gradients(GradientRegistry& registry);
void register_reduction_gradients(GradientRegistry& registry);
void register_compare_gradients(GradientRegistry& registry);
void register_matmul_gradients(GradientRegistry& registry);
void register_argmax_gradients(GradientRegistry& registry);
void register_debug_gradients(GradientRegistry& registry);
void register_layout_gradients(GradientRegistry& registry);
void register_indexing_gradients(GradientRegistry& registry);
void register_bias_add_gradients(GradientRegistry& registry);
void register_pooling_gradients(GradientRegistry& registry);
void register_reverse_gradients(GradientRegistry& registry);
void register_sigmoid_cross_entropy_gradients(GradientRegistry& registry);

void register_all_gradients(GradientRegistry& registry);

}  // namespace gradus
