#include "gradus/autodiff/register_all.h"

namespace gradus {

void register_all_gradients(GradientRegistry& registry) {
  register_source_gradients(registry);
  register_unary_gradients(registry);
  register_binary_gradients(registry);
  register_reduction_gradients(registry);
  register_compare_gradients(registry);
  register_matmul_gradients(registry);
  register_argmax_gradients(registry);
  register_debug_gradients(registry);
  register_conv2d_gradients(registry);
  register_custom_gradient_gradients(registry);
  register_shape_gradients(registry);
  register_optimizer_update_gradients(registry);
  register_random_gradients(registry);
  register_batch_norm_gradients(registry);
  register_softmax_gradients(registry);
  register_layout_gradients(registry);
  register_indexing_gradients(registry);
  register_bias_add_gradients(registry);
  register_pooling_gradients(registry);
  register_reverse_gradients(registry);
  register_sigmoid_cross_entropy_gradients(registry);
}

}  // namespace gradus
