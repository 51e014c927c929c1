// Operands that hold sizes (reshape's target, slice's begin): int32 or int64 vectors of known length, read while shapes are
// inferred, with kUnknownValue for the elements that are not known yet.
#pragma once

#include <cstdint>
#include <string_view>
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

// An int64 vector as a constant named "<name>/<part>", for builders that take plain sizes.
Output sizes_constant(Graph& graph, const std::vector<std::int64_t>& values, std::string_view name, const char* part,
                      SourceLocation location);

}  // namespace gradus
