// Formulas of element-wise ops, written once for processors and for GPUs: function objects of numbers, which need the standard library
// and headers without fmt. Everything is constexpr, so that nvcc takes it for both sides. Dtypes of 16 bits are computed in float32. The reference backend has
// formulas of its own: what others share is no oracle for them.
//
// Each family has a list of its formulas, for_each_unary_formula(add) and so on, which calls add(op, kind, formula) for each: a backend
// says with `add` how it registers a kernel. A formula of an op with attributes has their type as `Attrs` and is made from them.
#pragma once

#include "gradus/core/dtype.h"

namespace gradus::formulas {

// Which dtypes a formula is for.
struct Any {
  static constexpr DTypeSet dtypes = kAllDTypes;
};
struct Numeric {
  static constexpr DTypeSet dtypes = kNumeric;
};
struct Real {
  static constexpr DTypeSet dtypes = kFloating;
};
struct Integers {
  static constexpr DTypeSet dtypes = kIntegers;
};
struct Logical {
  static constexpr DTypeSet dtypes{DType::kBool};
};

// `operands` of these dtypes, whose shapes broadcast or are one.
template <class Dtypes, int operands, bool broadcasts>
struct Kind {};
template <int operands>
inline constexpr Kind<Any, operands, (operands > 1)> any{};
template <int operands>
inline constexpr Kind<Numeric, operands, (operands > 1)> numeric{};
template <int operands>
inline constexpr Kind<Real, operands, (operands > 1)> real{};
template <int operands>
inline constexpr Kind<Logical, operands, (operands > 1)> logical{};
template <int operands>
inline constexpr Kind<Real, operands, false> real_of_one_shape{};

// The formula for a node with these attributes, which `attrs_of` gets by their type.
template <class Formula, class AttrsOf>
constexpr Formula made_from(AttrsOf&& attrs_of) {
  if constexpr (requires { typename Formula::Attrs; }) {
    return Formula(attrs_of.template operator()<typename Formula::Attrs>());
  } else {
    return Formula{};
  }
}

}  // namespace gradus::formulas
