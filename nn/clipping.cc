#include "gradus/nn/clipping.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/accumulation.h"
#include "gradus/ops/binary.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/reduction.h"

namespace gradus::nn {
namespace {

void check_norm(const Place& place, double max_norm) {
  if (max_norm > 0.0) return;
  place.fail(fmt::format("max_norm must be positive (infinity clips nothing); got {}", max_norm));
}

void check_tensors(const char* function, const std::vector<Output>& tensors, SourceLocation location) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Output& t = tensors[i];
    if (!t.valid()) {
      fail(function, location,
           fmt::format("one of the tensors refers to nothing (number {} of {}; leave it out): {}", i + 1,
                       tensors.size(), t.absence()));
    }
    if (!is_floating(t.dtype())) {
      fail(function, {t.name(), location}, fmt::format("norms are of floating tensors; got {}", dtype_name(t.dtype())));
    }
  }
}

// In float64, so that the norm of many tensors, each of which has one in its dtype, has one too.
Output norm_of(const std::vector<Output>& tensors) {
  std::vector<Output> norms;
  for (const Output& t : tensors) {
    norms.push_back(as_dtype(reduce_euclidean_norm(accumulated(t)), DType::kFloat64));
  }
  return norms.size() == 1 ? norms[0] : reduce_euclidean_norm(stack(norms));
}

// x shortened by max(1, norm / max_norm). `norm` is float64 and broadcasts against x.
Output shortened(const Output& x, const Output& norm, double max_norm) {
  const DType dtype = accumulation_dtype(x.dtype());
  const Output divisor = as_dtype(maximum(norm / max_norm, 1.0), dtype);
  // x / infinity would be 0; infinity - infinity is NaN, and 0 for any number.
  return as_dtype(accumulated(x) / (divisor + (divisor - divisor)), x.dtype());
}

}  // namespace

Output global_norm(const std::vector<Output>& tensors, SourceLocation location) {
  const Place place("global_norm", location);
  if (tensors.empty()) place.fail("needs at least one tensor");
  check_tensors("global_norm", tensors, location);
  const NameScope scope(tensors[0].graph(), "global_norm");
  const bool any_float64 =
      std::any_of(tensors.begin(), tensors.end(), [](const Output& t) { return t.dtype() == DType::kFloat64; });
  return as_dtype(norm_of(tensors), any_float64 ? DType::kFloat64 : DType::kFloat32);
}

std::vector<Output> clip_by_global_norm(const std::vector<Output>& tensors, double max_norm, SourceLocation location) {
  const Place place("clip_by_global_norm", location);
  check_norm(place, max_norm);
  check_tensors("clip_by_global_norm", tensors, location);
  if (tensors.empty() || std::isinf(max_norm)) return tensors;
  const NameScope scope(tensors[0].graph(), "clip_by_global_norm");
  const Output norm = norm_of(tensors);
  std::vector<Output> clipped;
  for (const Output& t : tensors) clipped.push_back(shortened(t, norm, max_norm));
  return clipped;
}

Output clip_by_norm(const Output& x, double max_norm, const std::vector<std::int64_t>& axes, SourceLocation location) {
  const Place place("clip_by_norm", location);
  check_norm(place, max_norm);
  check_tensors("clip_by_norm", {x}, location);
  if (std::isinf(max_norm)) return x;
  const NameScope scope(x.graph(), "clip_by_norm");
  const Output norm = reduce_euclidean_norm(accumulated(x), axes, /*keep_dims=*/true, "norm");
  return shortened(x, as_dtype(norm, DType::kFloat64), max_norm);
}

}  // namespace gradus::nn
