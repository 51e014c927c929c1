#include "gradus/ops/slice.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_slice_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  add("Slice", "inner", {real({4, 5, 3}), int32s({1, 0, 2}), int32s({2, 5, 1})});
  add("Slice", "to_end", {real({4, 5}), int64s({2}, {1, 2}), int64s({2}, {-1, 2})});
  add("Slice", "whole", {real({2, 3}), int32s({0, 0}), int32s({-1, -1})});
  add("Slice", "nothing", {real({2, 3}), int32s({2, 0}), int32s({0, 3})});
  add("Slice", "scalar", {real({}), int32s(Shape{0}, {}), int32s(Shape{0}, {})});
  add("SliceGrad", "inner", {real({2, 2}), int32s({1, 0}), int32s({4, 3})});
  add("SliceGrad", "nothing", {real({0, 3}), int32s({2, 0}), int32s({2, 3})});

  const auto strided = [&](const char* name, Shape x, std::vector<std::int32_t> begin, std::vector<std::int32_t> end,
                           std::vector<std::int32_t> strides, StridedSliceAttrs attrs = {}) {
    add("StridedSlice", name, {real(x), int32s(begin), int32s(end), int32s(strides)}, attrs);
  };
  strided("steps", {7, 6}, {1, 0}, {7, 6}, {2, 3});
  strided("negative_steps", {5, 4}, {-1, 3}, {0, -5}, {-2, -1});
  strided("cut_off", {4}, {-9}, {9}, {3});
  strided("fewer_entries", {3, 2, 2}, {1}, {3}, {1});
  strided("masks", {4, 5}, {2, 3}, {1, 1}, {1, -1}, {.begin_mask = 3, .end_mask = 3});
  strided("shrink", {4, 3, 2}, {1, 0, -1}, {2, 3, 0}, {1, 1, 1}, {.shrink_axis_mask = 0b101});
  strided("new_axis", {3, 2}, {0, 1, 0}, {0, 3, 2}, {1, 1, 1}, {.new_axis_mask = 0b001});
  strided("ellipsis", {2, 3, 2, 2}, {0, 0, 1}, {1, 0, 2}, {1, 1, 1},
          {.ellipsis_mask = 0b010, .shrink_axis_mask = 0b100});
  strided("nothing", {4}, {3}, {1}, {1});
  add("StridedSliceGrad", "steps", {real({3, 2}), int32s({7, 6}), int32s({1, 0}), int32s({7, 6}), int32s({2, 3})},
      StridedSliceAttrs{});
  add("StridedSliceGrad", "shrink_backwards",
      {real({2}), int32s({2, 3}), int32s({1, 2}), int32s({2, 0}), int32s({1, -1})},
      StridedSliceAttrs{.shrink_axis_mask = 1});
}

}  // namespace gradus::cases
