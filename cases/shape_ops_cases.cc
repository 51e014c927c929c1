#include "cases/all_cases.h"

namespace gradus::cases {

void add_shape_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  for (const char* op : {"Shape", "Size", "Rank"}) {
    add(op, "rank3", {real({2, 3, 5})});
    add(op, "scalar", {real({})});
    add(op, "empty", {real({3, 0})});
    add(op, "bool", {bools({2, 2}, {1, 0, 0, 1})});
  }
}

}  // namespace gradus::cases
