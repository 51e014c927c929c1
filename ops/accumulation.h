// The dtype in which sums, counts, statistics and the state of optimisers belong to tensors of a dtype. float16 ends at 65504
// and has eleven bits, bfloat16 has eight: a count, a square or a small step kept in them is lost.
#pragma once

#include "gradus/graph/output.h"
#include "gradus/ops/unary.h"

namespace gradus {

// float32 for float16 and bfloat16; every other dtype itself.
inline constexpr DType accumulation_dtype(DType dtype) { return is_half(dtype) ? DType::kFloat32 : dtype; }

// x in `dtype`: x itself where it has it already.
inline Output as_dtype(const Output& x, DType dtype) { return x.dtype() == dtype ? x : cast(x, dtype); }

// x in the dtype in which it is added up.
inline Output accumulated(const Output& x) { return as_dtype(x, accumulation_dtype(x.dtype())); }

}  // namespace gradus
