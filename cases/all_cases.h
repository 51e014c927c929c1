// The case tables, one function per op family, each in cases/<family>_cases.cc.
#pragma once

#include <vector>

#include "cases/op_case.h"

namespace gradus::cases {

void add_source_cases(std::vector<OpCase>& cases);
void add_unary_cases(std::vector<OpCase>& cases);
void add_binary_cases(std::vector<OpCase>& cases);
void add_compare_cases(std::vector<OpCase>& cases);
void add_reduction_cases(std::vector<OpCase>& cases);
void add_matmul_cases(std::vector<OpCase>& cases);
void add_argmax_cases(std::vector<OpCase>& cases);
void add_debug_cases(std::vector<OpCase>& cases);
void add_conv2d_cases(std::vector<OpCase>& cases);
void add_shape_cases(std::vector<OpCase>& cases);
void add_layout_cases(std::vector<OpCase>& cases);
void add_indexing_cases(std::vector<OpCase>& cases);
void add_batch_norm_cases(std::vector<OpCase>& cases);
void add_bias_add_cases(std::vector<OpCase>& cases);
void add_optimizer_update_cases(std::vector<OpCase>& cases);
void add_pooling_cases(std::vector<OpCase>& cases);
void add_reverse_cases(std::vector<OpCase>& cases);
void add_sigmoid_cross_entropy_cases(std::vector<OpCase>& cases);
void add_random_cases(std::vector<OpCase>& cases);
void add_softmax_cases(std::vector<OpCase>& cases);

}  // namespace gradus::cases
