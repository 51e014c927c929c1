#include "gradus/ops/register_all.h"

#include "gradus/ops/shape_ops.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/source_ops.h"

namespace gradus {

void register_all_ops(OpRegistry& registry) {
  register_source_ops(registry);
  register_shape_ops(registry);
  register_conv2d_ops(registry);
}

}  // namespace gradus
