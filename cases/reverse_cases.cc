#include "cases/all_cases.h"
#include "gradus/ops/reverse.h"

namespace gradus::cases {

void add_reverse_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  struct Named {
    const char* name;
    Shape shape;
    std::vector<std::int64_t> axes;
  };
  for (const Named& n : std::vector<Named>{{"vector", {7}, {0}},
                                           {"rows", {3, 4}, {0}},
                                           {"columns", {3, 4}, {-1}},
                                           {"both", {3, 4}, {1, 0}},
                                           {"middle", {2, 5, 3}, {1}},
                                           {"images_left_right", {2, 4, 5, 3}, {2}},
                                           {"outer_and_inner", {2, 3, 4}, {0, 2}},
                                           {"no_axes", {2, 3}, {}},
                                           {"one_element", {1, 3}, {0}},
                                           {"scalar", {}, {}},
                                           {"empty", {0, 3}, {0, 1}},
                                           {"several_chunks", {3, 23000}, {0}}}) {
    cases.push_back({.op = "Reverse",
                     .name = n.name,
                     .operands = {real(n.shape)},
                     .attrs = ReverseAttrs{n.axes},
                     .dtypes = floating});
  }
}

}  // namespace gradus::cases
