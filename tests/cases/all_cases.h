// The case tables, one function per op family, each in tests/cases/<family>_cases.cc.
#pragma once

#include <vector>

#include "tests/cases/op_case.h"

namespace gradus::cases {

void add_source_cases(std::vector<OpCase>& cases);

}  // namespace gradus::cases
