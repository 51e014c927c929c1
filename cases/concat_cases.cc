#include "gradus/ops/concat.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_concat_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  add("Concat", "rows", {real({2, 3}), real({1, 3}), real({4, 3})}, ConcatAttrs{0});
  add("Concat", "columns", {real({2, 3}), real({2, 1})}, ConcatAttrs{-1});
  add("Concat", "middle", {real({2, 3, 4}), real({2, 5, 4})}, ConcatAttrs{1});
  add("Concat", "single", {real({2, 2})}, ConcatAttrs{0});
  add("Concat", "empty_part", {real({2, 0}), real({2, 3})}, ConcatAttrs{1});
  add("ConcatGrad", "columns", {real({2, 5}), int32s({2, 3}), int32s({2, 2})}, ConcatAttrs{1});
  add("ConcatGrad", "empty_part", {real({3}), int32s({3}), int64s({1}, {0})}, ConcatAttrs{0});

  add("Split", "equal", {real({6, 2})}, SplitAttrs{0, 3, {}});
  add("Split", "last", {real({2, 3, 4})}, SplitAttrs{-1, 2, {}});
  add("Split", "sizes", {real({2, 7})}, SplitAttrs{1, 0, {3, 0, 4}});
  add("Split", "sizes_rest", {real({5, 2})}, SplitAttrs{0, 0, {2, -1}});
  add("Stack", "front", {real({2, 3}), real({2, 3})}, StackAttrs{0});
  add("Stack", "last", {real({2, 3}), real({2, 3}), real({2, 3})}, StackAttrs{-1});
  add("Stack", "scalars", {real({}), real({})}, StackAttrs{0});
  add("Stack", "empty", {real({0, 2}), real({0, 2})}, StackAttrs{1});
  add("Unstack", "front", {real({3, 2})}, UnstackAttrs{0, 3});
  add("Unstack", "middle", {real({2, 3, 4})}, UnstackAttrs{1, 3});
  add("Unstack", "vector", {real({3})}, UnstackAttrs{-1, 3});
}

}  // namespace gradus::cases
