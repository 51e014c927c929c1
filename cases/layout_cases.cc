#include "gradus/ops/layout.h"

#include "cases/all_cases.h"

namespace gradus::cases {
namespace {

const std::vector<DType> kFloatingDTypes = {DType::kFloat16, DType::kFloat32, DType::kFloat64};

struct Adder {
  std::vector<OpCase>& cases;
  void operator()(const char* op, const char* name, std::vector<Operand> operands, Attrs attrs = {}) const {
    cases.push_back({.op = op,
                     .name = name,
                     .operands = std::move(operands),
                     .attrs = std::move(attrs),
                     .dtypes = kFloatingDTypes});
  }
};

void add_joining(const Adder& add) {
  add("Transpose", "matrix", {real({3, 5})}, TransposeAttrs{});
  add("Transpose", "nhwc_to_nchw", {real({2, 3, 4, 5})}, TransposeAttrs{{0, 3, 1, 2}});
  add("Transpose", "nchw_to_nhwc", {real({2, 3, 4, 5})}, TransposeAttrs{{0, 2, 3, 1}});
  add("Transpose", "blocks", {real({37, 21})}, TransposeAttrs{{1, 0}});
  add("Transpose", "outer_only", {real({2, 3, 4})}, TransposeAttrs{{1, 0, 2}});
  add("Transpose", "rank5", {real({2, 3, 1, 4, 2})}, TransposeAttrs{{4, 1, 3, 0, 2}});
  add("Transpose", "vector", {real({4})}, TransposeAttrs{{0}});
  add("Transpose", "scalar", {real({})}, TransposeAttrs{});
  add("Transpose", "empty", {real({2, 0, 3})}, TransposeAttrs{{2, 0, 1}});

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

void add_slicing(const Adder& add) {
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

void add_padding(const Adder& add) {
  add("Pad", "both_sides", {real({2, 3})}, PadAttrs{{1, 2, 0, 3}, 0.0});
  add("Pad", "value", {real({2, 1, 2})}, PadAttrs{{0, 1, 2, 0, 1, 1}, -2.5});
  add("Pad", "nothing", {real({2})}, PadAttrs{{0, 0}, 0.0});
  add("Pad", "empty", {real({0, 2})}, PadAttrs{{1, 1, 0, 0}, 3.0});
  add("Pad", "scalar", {real({})}, PadAttrs{});
  add("MirrorPad", "row", {real({3})}, MirrorPadAttrs{{2, 2}});
  add("MirrorPad", "image", {real({2, 4, 5, 2})}, MirrorPadAttrs{{0, 0, 1, 3, 2, 1, 0, 0}});
  add("MirrorPad", "last_axis", {real({2, 3})}, MirrorPadAttrs{{1, 0, 2, 1}});
  add("MirrorPadGrad", "row", {real({7})}, MirrorPadAttrs{{2, 2}});
  add("MirrorPadGrad", "matrix", {real({6, 5})}, MirrorPadAttrs{{1, 2, 2, 0}});

  add("Tile", "matrix", {real({2, 3}), int32s({3, 2})});
  add("Tile", "last", {real({2, 1, 3}), int64s({3}, {1, 4, 1})});
  add("Tile", "once", {real({4}), int32s({1})});
  add("Tile", "zero_times", {real({2, 3}), int32s({0, 2})});
  add("Tile", "rank8", {real({1, 2, 1, 2, 1, 1, 2, 1}), int32s({2, 1, 2, 2, 1, 1, 2, 3})});
  add("TileGrad", "matrix", {real({4, 9}), int32s({2, 3}), int32s({2, 3})});
  add("TileGrad", "zero_times", {real({0, 6}), int32s({0, 2}), int32s({2, 3})});
}

}  // namespace

void add_layout_cases(std::vector<OpCase>& cases) {
  const Adder add{cases};
  add_joining(add);
  add_slicing(add);
  add_padding(add);
}

}  // namespace gradus::cases
