#include "tests/cases/all_cases.h"

namespace gradus::cases {

const std::vector<OpCase>& all_op_cases() {
  static const std::vector<OpCase> all = [] {
    std::vector<OpCase> cases;
    add_source_cases(cases);
    return cases;
  }();
  return all;
}

}  // namespace gradus::cases
