#include "gradus/nn/initializers.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gradus/core/philox.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/random.h"
#include "gradus/ops/source_ops.h"

namespace gradus::nn {
namespace {

Initializer scaled_uniform(double (*variance)(const Fans&)) {
  return [variance](Graph& graph, DType dtype, const Shape& shape, const Fans& fans) {
    const double limit = std::sqrt(3.0 * variance(fans));
    return uniform(-limit, limit)(graph, dtype, shape);
  };
}

Initializer scaled_normal(double (*variance)(const Fans&)) {
  return [variance](Graph& graph, DType dtype, const Shape& shape, const Fans& fans) {
    return normal(0.0, std::sqrt(variance(fans)))(graph, dtype, shape);
  };
}

double glorot_variance(const Fans& fans) { return 2.0 / (fans.in + fans.out); }
double he_variance(const Fans& fans) { return 2.0 / fans.in; }

// Gram and Schmidt, twice per vector for accuracy: makes `count` rows of length `length` orthonormal. count <= length.
void orthonormalize(std::vector<double>& rows, std::int64_t count, std::int64_t length) {
  const auto row = [&](std::int64_t i) { return rows.data() + i * length; };
  for (std::int64_t i = 0; i < count; ++i) {
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t j = 0; j < i; ++j) {
        double dot = 0.0;
        for (std::int64_t k = 0; k < length; ++k) dot += row(i)[k] * row(j)[k];
        for (std::int64_t k = 0; k < length; ++k) row(i)[k] -= dot * row(j)[k];
      }
    }
    double squares = 0.0;
    for (std::int64_t k = 0; k < length; ++k) squares += row(i)[k] * row(i)[k];
    for (std::int64_t k = 0; k < length; ++k) row(i)[k] /= std::sqrt(squares);
  }
}

}  // namespace

Fans fans_of(const Shape& shape) {
  if (shape.rank() == 0) return {};
  if (shape.rank() == 1) return {static_cast<double>(shape[0]), static_cast<double>(shape[0])};
  double taps = 1.0;
  for (int i = 0; i + 2 < shape.rank(); ++i) taps *= static_cast<double>(shape[i]);
  return {std::max(1.0, taps * static_cast<double>(shape[shape.rank() - 2])),
          std::max(1.0, taps * static_cast<double>(shape[shape.rank() - 1]))};
}

Initializer Initializer::with_fans(const Fans& fans) const {
  if (!*this) return nullptr;
  return [function = function_, fans](Graph& graph, DType dtype, const Shape& shape, const Fans&) {
    return function(graph, dtype, shape, fans);
  };
}

Initializer constant(double value) {
  return [value](Graph& graph, DType dtype, const Shape& shape) {
    return fill(shape.dims(), scalar(graph, value, dtype), "initial_value");  // takes no memory in the graph
  };
}
Initializer zeros() { return constant(0.0); }
Initializer ones() { return constant(1.0); }

Initializer uniform(double low, double high) {
  return [=](Graph& graph, DType dtype, const Shape& shape) {
    return random_uniform(graph, shape.dims(), {.dtype = dtype, .low = low, .high = high}, "initial_value");
  };
}

Initializer normal(double mean, double stddev) {
  return [=](Graph& graph, DType dtype, const Shape& shape) {
    return random_normal(graph, shape.dims(), {.dtype = dtype, .mean = mean, .stddev = stddev}, "initial_value");
  };
}

Initializer truncated_normal(double mean, double stddev) {
  return [=](Graph& graph, DType dtype, const Shape& shape) {
    return gradus::truncated_normal(graph, shape.dims(), {.dtype = dtype, .mean = mean, .stddev = stddev},
                                    "initial_value");
  };
}

Initializer glorot_uniform() { return scaled_uniform(glorot_variance); }
Initializer glorot_normal() { return scaled_normal(glorot_variance); }
Initializer he_uniform() { return scaled_uniform(he_variance); }
Initializer he_normal() { return scaled_normal(he_variance); }

Initializer orthogonal(double gain, std::uint64_t seed) {
  return [=](Graph& graph, DType dtype, const Shape& shape) {
    const std::int64_t columns = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
    const std::int64_t rows = columns == 0 ? 0 : shape.num_elements() / columns;
    const std::int64_t count = std::min(rows, columns);
    const std::int64_t length = std::max(rows, columns);
    std::vector<double> q(static_cast<std::size_t>(rows * columns));
    const PhiloxStream stream(seed, static_cast<std::uint64_t>(graph.num_nodes()));
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = stream.normal(i);
    orthonormalize(q, count, length);
    Tensor value(dtype, shape);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; ++c) {
        value.set(r * columns + c,
                  gain * q[static_cast<std::size_t>(rows <= columns ? r * length + c : c * length + r)]);
      }
    }
    return gradus::constant(graph, value, "initial_value");
  };
}

}  // namespace gradus::nn
