// Reductions: for every element of the result, a loop over the elements that it stands for.
#include "gradus/ops/reduction.h"

#include <cmath>
#include <limits>

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// The position in a tensor of shape `x` of element i of the dimensions in which `kept` has size 1 (reduced) or has not.
std::int64_t position(const Shape& x, const Shape& kept, bool reduced, std::int64_t i) {
  std::int64_t result = 0;
  std::int64_t stride = 1;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    if ((kept[axis] == 1) == reduced) {
      result += i % x[axis] * stride;
      i /= x[axis];
    }
    stride *= x[axis];
  }
  return result;
}

// y = finish(accumulated, count), accumulated by step(accumulated, x) from `initial`. `kept` is x's shape with the
// reduced dimensions 1.
template <class T, class Step, class Finish>
void reduce(KernelContext& c, const Shape& kept, Wide<T> initial, Step step, Finish finish) {
  const Tensor& x = c.input(0);
  const T* values = x.data<T>();
  T* y = c.output(0).data<T>();
  const std::int64_t results = c.output(0).num_elements();
  for (std::int64_t i = 0; i < results; ++i) {
    const std::int64_t count = x.num_elements() / results;
    const std::int64_t base = count > 0 ? position(x.shape(), kept, false, i) : 0;
    Wide<T> total = initial;
    for (std::int64_t r = 0; r < count; ++r) {
      const T value = values[base + position(x.shape(), kept, true, r)];
      total = static_cast<Wide<T>>(step(total, static_cast<Wide<T>>(value)));
    }
    y[i] = static_cast<T>(finish(total, count));
  }
}

Shape kept_shape(KernelContext& c) {
  Shape kept = c.input(0).shape();
  for (int axis : reduced_axes(c.attrs<ReductionAttrs>().axes, kept.rank())) kept.set_dim(axis, 1);
  return kept;
}

constexpr auto unchanged = [](auto total, std::int64_t) { return total; };
constexpr auto plus = [](auto a, auto x) { return wrapping(a) + wrapping(x); };

void sum(KernelContext& c) {
  visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) { reduce<T>(c, kept_shape(c), 0, plus, unchanged); });
}

void mean(KernelContext& c) {
  visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    reduce<T>(c, kept_shape(c), 0, plus,
              [](double total, std::int64_t count) { return total / static_cast<double>(count); });
  });
}

void prod(KernelContext& c) {
  const auto times = [](auto a, auto x) { return wrapping(a) * wrapping(x); };
  visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) { reduce<T>(c, kept_shape(c), 1, times, unchanged); });
}

// The end of T's range where the search for a maximum (minimum) begins.
template <class T>
Wide<T> range_end(bool lowest) {
  if constexpr (std::is_integral_v<T>) {
    return lowest ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max();
  } else {
    return lowest ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
}

void max(KernelContext& c) {
  const auto larger = [](auto a, auto x) { return x > a || x != x ? x : a; };
  visit_dtype(c.input(0).dtype(),
              [&]<class T>(TypeTag<T>) { reduce<T>(c, kept_shape(c), range_end<T>(true), larger, unchanged); });
}

void min(KernelContext& c) {
  const auto smaller = [](auto a, auto x) { return x < a || x != x ? x : a; };
  visit_dtype(c.input(0).dtype(),
              [&]<class T>(TypeTag<T>) { reduce<T>(c, kept_shape(c), range_end<T>(false), smaller, unchanged); });
}

void l2_loss(KernelContext& c) {
  const Shape kept = Shape::of_rank(c.input(0).shape().rank(), 1);
  visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    reduce<T>(
        c, kept, 0, [](double a, double x) { return a + x * x; }, [](double total, std::int64_t) { return total / 2; });
  });
}

// Divided by the largest element before squaring.
void euclidean_norm(KernelContext& c) {
  const Tensor& x = c.input(0);
  const Shape kept = kept_shape(c);
  const std::int64_t results = c.output(0).num_elements();
  for (std::int64_t i = 0; i < results; ++i) {
    const std::int64_t count = x.num_elements() / results;
    const std::int64_t base = count > 0 ? position(x.shape(), kept, false, i) : 0;
    double largest = 0, sum = 0;
    for (std::int64_t r = 0; r < count; ++r) {
      const double size = std::abs(x.at(base + position(x.shape(), kept, true, r)));
      if (size > largest || std::isnan(size)) largest = size;
      if (std::isnan(size)) break;
    }
    const bool scalable = largest > 0 && std::isfinite(largest);
    for (std::int64_t r = 0; scalable && r < count; ++r) {
      const double share = x.at(base + position(x.shape(), kept, true, r)) / largest;
      sum += share * share;
    }
    c.output(0).set(i, scalable ? std::sqrt(sum) * largest : largest);
  }
}

void sum_to_shape(KernelContext& c) {
  const Shape& y = c.output(0).shape();
  Shape kept = Shape::of_rank(c.input(0).shape().rank() - y.rank(), 1);
  for (std::int64_t size : y) kept.push_back(size);
  visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) { reduce<T>(c, kept, 0, plus, unchanged); });
}

}  // namespace

void register_reduction_kernels(KernelRegistry& kernels) {
  kernels.add("Sum", kDevice, kNumeric, sum);
  kernels.add("Mean", kDevice, kFloating, mean);
  kernels.add("Max", kDevice, kNumeric, max);
  kernels.add("Min", kDevice, kNumeric, min);
  kernels.add("Prod", kDevice, kNumeric, prod);
  kernels.add("EuclideanNorm", kDevice, kFloating, euclidean_norm);
  kernels.add("L2Loss", kDevice, kFloating, l2_loss);
  kernels.add("SumToShape", kDevice, kNumeric, sum_to_shape);
}

}  // namespace gradus::reference
