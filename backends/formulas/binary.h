// One formula per element-wise op of two operands, and ClipByValue of three. Integers wrap around.
#pragma once

#include <cmath>

#include "gradus/backends/formulas/formula.h"
#include "gradus/backends/formulas/softplus.h"
#include "gradus/core/integer_power.h"
#include "gradus/core/wrapping.h"

namespace gradus::formulas {

struct Add {
  template <class T>
  constexpr auto operator()(T x, T y) const {
    return wrapping(x) + wrapping(y);
  }
};
struct Subtract {
  template <class T>
  constexpr auto operator()(T x, T y) const {
    return wrapping(x) - wrapping(y);
  }
};
struct Multiply {
  template <class T>
  constexpr auto operator()(T x, T y) const {
    return wrapping(x) * wrapping(y);
  }
};
struct Maximum {
  template <class T>
  constexpr T operator()(T x, T y) const {
    return x > y || x != x ? x : y;
  }
};
struct Minimum {
  template <class T>
  constexpr T operator()(T x, T y) const {
    return x < y || x != x ? x : y;
  }
};
struct SquaredDifference {
  template <class T>
  constexpr auto operator()(T x, T y) const {
    const auto difference = wrapping(x) - wrapping(y);
    return difference * difference;
  }
};
struct Divide {
  template <class T>
  constexpr T operator()(T x, T y) const {
    return x / y;
  }
};
struct Power {
  template <class T>
  constexpr T operator()(T x, T y) const {
    // Subnormal numbers may count as 0 here (core/float_mode.h), but the C library looks at their bits.
    return y == 2 ? x * x : std::pow(x == 0 ? x * 0 : x, y);
  }
};

// Of integers, whose second operand must be checked before: not 0 for quotients, not negative for powers.
struct FloorDivide {
  template <class T>
  constexpr T operator()(T x, T y) const {
    return floor_quotient(x, y);
  }
};
struct FloorModulo {
  template <class T>
  constexpr auto operator()(T x, T y) const {
    return wrapping(x) - wrapping(floor_quotient(x, y)) * wrapping(y);
  }
};
struct IntegerPower {
  template <class T>
  constexpr T operator()(T x, T y) const {
    return integer_power(x, y);
  }
};

// The loss x * (1 - z) or -x * z, whichever is for x's sign, + log(1 + e^-|x|), of label z and logit x. A factor of 0 makes the product
// 0 even for an infinite x.
struct SigmoidCrossEntropy {
  template <class T>
  constexpr T operator()(T z, T x) const {
    const T weight = x > 0 ? 1 - z : -z;
    const T product = weight * x;
    return (weight == 0 ? 0 : product) + softplus_curve(x);
  }
};

struct Equal {
  template <class T>
  constexpr bool operator()(T x, T y) const {
    return x == y;
  }
};
struct NotEqual {
  template <class T>
  constexpr bool operator()(T x, T y) const {
    return x != y;
  }
};
struct Less {
  template <class T>
  constexpr bool operator()(T x, T y) const {
    return x < y;
  }
};
struct LessEqual {
  template <class T>
  constexpr bool operator()(T x, T y) const {
    return x <= y;
  }
};
struct Greater {
  template <class T>
  constexpr bool operator()(T x, T y) const {
    return x > y;
  }
};
struct GreaterEqual {
  template <class T>
  constexpr bool operator()(T x, T y) const {
    return x >= y;
  }
};
struct LogicalAnd {
  constexpr bool operator()(bool x, bool y) const { return x && y; }
};
struct LogicalOr {
  constexpr bool operator()(bool x, bool y) const { return x || y; }
};
struct LogicalNot {
  constexpr bool operator()(bool x) const { return !x; }
};
struct Clip {
  template <class T>
  constexpr T operator()(T x, T low, T high) const {
    const T raised = x > low || x != x ? x : low;
    return raised < high || raised != raised ? raised : high;
  }
};

template <class Registration>
void for_each_binary_formula(Registration&& add) {
  add("Add", numeric<2>, Add{});
  add("Sub", numeric<2>, Subtract{});
  add("Mul", numeric<2>, Multiply{});
  add("Maximum", numeric<2>, Maximum{});
  add("Minimum", numeric<2>, Minimum{});
  add("SquaredDifference", numeric<2>, SquaredDifference{});
  add("RealDiv", real<2>, Divide{});
  add("Pow", real<2>, Power{});
}

// But for Select, which only moves elements.
template <class Registration>
void for_each_compare_formula(Registration&& add) {
  add("Equal", any<2>, Equal{});
  add("NotEqual", any<2>, NotEqual{});
  add("Less", numeric<2>, Less{});
  add("LessEqual", numeric<2>, LessEqual{});
  add("Greater", numeric<2>, Greater{});
  add("GreaterEqual", numeric<2>, GreaterEqual{});
  add("LogicalAnd", logical<2>, LogicalAnd{});
  add("LogicalOr", logical<2>, LogicalOr{});
  add("LogicalNot", logical<1>, LogicalNot{});
  add("ClipByValue", numeric<3>, Clip{});
}

}  // namespace gradus::formulas
