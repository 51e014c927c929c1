#include "gradus/ops/pad.h"

#include "cases/all_cases.h"

namespace gradus::cases {

void add_pad_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
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
}

}  // namespace gradus::cases
