#include "cases/all_cases.h"

namespace gradus::cases {

const std::vector<OpCase>& all_op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> cases;
#define GRADUS_FAMILY(x) add_##x##_cases(cases);
#include "gradus/ops/families.def"
    return cases;
  }();
  return all;
}

}  // namespace gradus::cases
