// Parts of a tensor: slice, strided_slice with masks, and their gradients. Any dtype. Semantics follow TensorFlow; page:
// docs/ops/slice.md.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/graph/forward.h"
#include "gradus/ops/slice_geometry.h"

namespace gradus {

// x[begin_0 : begin_0 + size_0, ...]; size -1 goes to the end. begin and size are int32 or int64 vectors, one element per
// dimension. Throws InvalidArgument (negative values), OutOfRange (a slice beyond x).
Output slice(const Output& x, const Output& begin, const Output& size, At at = {});
Output slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& size,
             At at = {});

// x[begin_0 : end_0 : strides_0, ...] by Python's rules: negative indices count from the end, bounds beyond x are cut off,
// negative strides go backwards, dimensions without an entry are taken whole. The masks are described at StridedSliceAttrs.
// Without strides they are 1. Throws InvalidArgument (stride 0), OutOfRange (a shrunk axis' index beyond x).
Output strided_slice(const Output& x, const Output& begin, const Output& end, const Output& strides,
                     const StridedSliceAttrs& attrs = {}, At at = {});
Output strided_slice(const Output& x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end,
                     const std::vector<std::int64_t>& strides = {}, const StridedSliceAttrs& attrs = {}, At at = {});

// Each is linear in dy and the adjoint of its op, which is its gradient: zeros of `shape`, with dy where the slice was taken.
Output slice_grad(const Output& dy, const Output& begin, const Output& shape, At at = {});
Output strided_slice_grad(const Output& dy, const Output& shape, const Output& begin, const Output& end,
                          const Output& strides, const StridedSliceAttrs& attrs, At at = {});

}  // namespace gradus
