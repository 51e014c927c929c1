// Operands that hold sizes (reshape's target, slice's begin): int32 or int64 vectors of known length, read while shapes are
// inferred, with kUnknownValue for the elements that are not known yet.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/graph.h"

namespace gradus {

// Operand i as values; `name` is what error texts call it. Throws InvalidArgument unless it is an int32 or int64 vector whose
// length is known.
IntValues vector_operand(ShapeContext& c, int i, const char* name);

// The shape that an operand of sizes spells: unknown elements become unknown dimensions. Throws InvalidArgument for negative
// sizes or more than 8 of them.
Shape shape_operand(ShapeContext& c, int i, const char* name);

// The values of a shape: kUnknownValue where a dimension is unknown.
IntValues shape_values(const Shape& shape);

// A vector of `dtype`, int64 or int32, as a constant that is named after the caller's node, "slice/begin", for builders that take plain
// numbers. Throws InvalidArgument, in the caller's name, for numbers that int32 does not hold.
Output sizes_constant(const Caller& caller, Graph& graph, const std::vector<std::int64_t>& values, const char* part,
                      DType dtype = DType::kInt64);

// shape(x) as an operand: a constant where it is known, so that x need not stay in memory for it.
Output shape_of(const Output& x);

}  // namespace gradus
