#include "gradus/ops/register_all.h"

#include "gradus/ops/argmax.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/custom_gradient.h"
#include "gradus/ops/debug.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/layout.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/optimizer_updates.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/reverse.h"
#include "gradus/ops/shape_ops.h"
#include "gradus/ops/sigmoid_cross_entropy.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {

void register_all_ops(OpRegistry& registry) {
  register_source_ops(registry);
  register_custom_gradient_ops(registry);
  register_shape_ops(registry);
  register_conv2d_ops(registry);
  register_unary_ops(registry);
  register_binary_ops(registry);
  register_reduction_ops(registry);
  register_optimizer_update_ops(registry);
  register_random_ops(registry);
  register_batch_norm_ops(registry);
  register_softmax_ops(registry);
  register_compare_ops(registry);
  register_matmul_ops(registry);
  register_argmax_ops(registry);
  register_debug_ops(registry);
  register_layout_ops(registry);
  register_indexing_ops(registry);
  register_bias_add_ops(registry);
  register_pooling_ops(registry);
  register_reverse_ops(registry);
  register_sigmoid_cross_entropy_ops(registry);
}

}  // namespace gradus
