#include "gradus/ops/reshape.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_reshape_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  add("Reshape", "flatten", {real({2, 3, 2}), int32s({2, 6})});
  add("Reshape", "inferred", {real({4, 3}), int32s({2, -1, 3})});
  add("Reshape", "to_scalar", {real({1, 1}), int64s({0}, {})});
  add("Reshape", "empty", {real({0, 3}), int32s({3, 0, 2})});
  add("Reshape", "int64_target", {real({6}), int64s({2}, {3, 2})});
  add("ExpandDims", "front", {real({2, 3})}, ExpandDimsAttrs{0});
  add("ExpandDims", "last", {real({2, 3})}, ExpandDimsAttrs{-1});
  add("ExpandDims", "scalar", {real({})}, ExpandDimsAttrs{0});
  add("Squeeze", "two", {real({1, 3, 1, 2})}, SqueezeAttrs{{0, 2}});
  add("Squeeze", "one", {real({1, 3, 1, 2})}, SqueezeAttrs{{-2}});
  add("Squeeze", "to_scalar", {real({1})}, SqueezeAttrs{{0}});
}

}  // namespace gradus::cases
