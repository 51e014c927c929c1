#include "cases/all_cases.h"

namespace gradus::cases {

const std::vector<OpCase>& all_op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> cases;
    add_source_cases(cases);
    add_unary_cases(cases);
    add_binary_cases(cases);
    add_compare_cases(cases);
    add_reduction_cases(cases);
    add_matmul_cases(cases);
    add_argmax_cases(cases);
    add_debug_cases(cases);
    add_conv2d_cases(cases);
    add_shape_cases(cases);
    add_layout_cases(cases);
    add_indexing_cases(cases);
    add_batch_norm_cases(cases);
    add_bias_add_cases(cases);
    add_optimizer_update_cases(cases);
    add_pooling_cases(cases);
    add_reverse_cases(cases);
    add_sigmoid_cross_entropy_cases(cases);
    add_random_cases(cases);
    add_softmax_cases(cases);
    return cases;
  }();
  return all;
}

}  // namespace gradus::cases
