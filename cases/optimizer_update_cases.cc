#include "cases/all_cases.h"
#include "gradus/ops/optimizer_updates.h"

namespace gradus::cases {

void add_optimizer_update_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> floating = kCaseDTypes;
  const Operand rate = accumulated(real({}, 0.01, 0.1)), mu = accumulated(real({}, 0.5, 0.9)), step = int64s({}, {3});
  for (const Shape& s : {Shape{2, 3}, Shape{}, Shape{0, 4}}) {
    const std::string name = s.rank() == 0 ? "scalar" : s[0] == 0 ? "empty" : "matrix";
    const Operand x = real(s), mean = accumulated(real(s)), squares = accumulated(real(s, 0.1, 1));
    cases.push_back({.op = "ApplyGradientDescent", .name = name, .operands = {x, rate, x}, .dtypes = floating});
    cases.push_back({.op = "ApplyMomentum",
                     .name = name,
                     .operands = {x, mean, rate, x, mu},
                     .attrs = ApplyMomentumAttrs{},
                     .dtypes = floating});
    cases.push_back({.op = "ApplyMomentum",
                     .name = name + "_nesterov",
                     .operands = {x, mean, rate, x, mu},
                     .attrs = ApplyMomentumAttrs{.use_nesterov = true},
                     .dtypes = floating});
    cases.push_back({.op = "ApplyRMSProp",
                     .name = name,
                     .operands = {x, squares, mean, rate, x, mu},
                     .attrs = ApplyRMSPropAttrs{.epsilon = 1e-3},
                     .dtypes = floating});
    cases.push_back({.op = "ApplyAdam",
                     .name = name,
                     .operands = {x, mean, squares, rate, x, step},
                     .attrs = ApplyAdamAttrs{},
                     .dtypes = floating});
    cases.push_back({.op = "ApplyAdam",
                     .name = name + "_decay",
                     .operands = {x, mean, squares, rate, x, step},
                     .attrs = ApplyAdamAttrs{.weight_decay = 0.1},
                     .dtypes = floating});
  }
}

}  // namespace gradus::cases
