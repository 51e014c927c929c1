// The case tables, one function per op family, each in cases/<family>_cases.cc.
#pragma once

#include <vector>

#include "cases/op_case.h"

namespace gradus::cases {

#define GRADUS_FAMILY(x) void add_##x##_cases(std::vector<OpCase>& cases);
#include "gradus/ops/families.def"

}  // namespace gradus::cases
