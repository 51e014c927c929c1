#include "cases/all_cases.h"

namespace gradus::cases {

void add_fill_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  for (const char* op : {"ZerosLike", "OnesLike"}) {
    add(op, "rank3", {real({2, 3, 5})});
    add(op, "scalar", {real({})});
    add(op, "empty", {real({3, 0})});
    add(op, "bool", {bools({2, 2}, {1, 0, 0, 1})});
  }

  add("Fill", "matrix", {int32s({2, 3}), real({})});
  add("Fill", "scalar", {int32s(Shape{0}, {}), real({})});
  add("Fill", "empty", {int64s({2}, {0, 4}), real({})});
  add("BroadcastTo", "leading", {real({3}), int32s({2, 4, 3})});
  add("BroadcastTo", "inner", {real({2, 1, 3}), int32s({2, 4, 3})});
  add("BroadcastTo", "outer_and_last", {real({1, 2, 1}), int64s({3}, {3, 2, 5})});
  add("BroadcastTo", "scalar", {real({}), int32s({2, 2})});
  add("BroadcastTo", "same", {real({2, 2}), int32s({2, 2})});
  add("BroadcastTo", "to_empty", {real({1, 3}), int32s({0, 3})});

  const auto number = [](std::int32_t value) { return int32s(Shape{}, {value}); };
  add("Range", "up", {number(2), number(11), number(3)});
  add("Range", "down", {number(5), number(-4), number(-2)});
  add("Range", "empty", {number(3), number(3), number(1)});
  add("Range", "int64", {int64s({}, {-3}), int64s({}, {4}), int64s({}, {2})});
}

}  // namespace gradus::cases
