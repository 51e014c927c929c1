#include "gradus/ops/transpose.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_transpose_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  add("Transpose", "matrix", {real({3, 5})}, TransposeAttrs{});
  add("Transpose", "nhwc_to_nchw", {real({2, 3, 4, 5})}, TransposeAttrs{{0, 3, 1, 2}});
  add("Transpose", "nchw_to_nhwc", {real({2, 3, 4, 5})}, TransposeAttrs{{0, 2, 3, 1}});
  add("Transpose", "blocks", {real({37, 21})}, TransposeAttrs{{1, 0}});
  add("Transpose", "outer_only", {real({2, 3, 4})}, TransposeAttrs{{1, 0, 2}});
  add("Transpose", "rank5", {real({2, 3, 1, 4, 2})}, TransposeAttrs{{4, 1, 3, 0, 2}});
  add("Transpose", "vector", {real({4})}, TransposeAttrs{{0}});
  add("Transpose", "scalar", {real({})}, TransposeAttrs{});
  add("Transpose", "empty", {real({2, 0, 3})}, TransposeAttrs{{2, 0, 1}});
}

}  // namespace gradus::cases
