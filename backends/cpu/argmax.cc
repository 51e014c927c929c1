// A search per result along its line: several lines at once, or several parts of a long one. A line's first NaN wins.
#include "gradus/ops/argmax.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {
namespace {

// Whether `candidate`, which comes later, takes the place of `leader`: it is better, or the first NaN. Without branches.
template <class Better, class C>
bool leads(C candidate, C leader) {
  return Better{}(candidate, leader) | ((candidate != candidate) & (leader == leader));
}

// Several searches side by side, which fill vector registers: of lane l over x[l * lane_step + k * step] for k < count.
template <class Better, class T, class Lanes, class LaneStep, class Index>
void search(const T* x, std::int64_t count, std::int64_t step, Lanes lanes, LaneStep lane_step,
            Compute<T>* __restrict leader, Index* __restrict where) {
  for (std::int64_t l = 0; l < lanes; ++l) {
    leader[l] = static_cast<Compute<T>>(x[l * lane_step]);
    where[l] = 0;
  }
  for (std::int64_t k = 1; k < count; ++k) {
    const T* const values = x + k * step;
    for (std::int64_t l = 0; l < lanes; ++l) {
      const auto candidate = static_cast<Compute<T>>(values[l * lane_step]);
      const bool better = leads<Better>(candidate, leader[l]);
      leader[l] = better ? candidate : leader[l];
      where[l] = better ? static_cast<Index>(k) : where[l];
    }
  }
}

constexpr std::integral_constant<std::int64_t, 1> kNextElement;
constexpr std::integral_constant<std::int64_t, 16> kSearches;
constexpr std::int64_t kLongLine = 64, kWidestSearch = 64;

// One line of `count` elements: its elements take turns over the lanes, of whose leaders the best one wins, the first of equals.
template <class Better, class Index, class T>
std::int64_t search_line(const T* x, std::int64_t count) {
  Compute<T> leader[kSearches];
  Index where[kSearches];
  const std::int64_t rounds = count / kSearches;
  search<Better>(x, rounds, kSearches, kSearches, kNextElement, leader, where);
  std::int64_t best = where[0] * kSearches;
  Compute<T> first = leader[0];
  for (std::int64_t l = 1; l < kSearches; ++l) {
    const std::int64_t k = where[l] * kSearches + l;
    if (leads<Better>(leader[l], first) || (k < best && !leads<Better>(first, leader[l]))) {
      best = k;
      first = leader[l];
    }
  }
  for (std::int64_t k = rounds * kSearches; k < count; ++k) {
    const auto candidate = static_cast<Compute<T>>(x[k]);
    if (!leads<Better>(candidate, first)) continue;
    best = k;
    first = candidate;
  }
  return best;
}

// The first of the best elements, or of the NaNs. x is [outer, axis, inner]; Index counts along a line.
template <class Better, class Index, class T, class Result>
void search_all(KernelContext& c, const T* x, const AxisExtents& e, Result* result) {
  c.parallel_for(c.output(0).num_elements(), items_per_chunk(e.axis), [&](std::int64_t begin, std::int64_t end) {
    Compute<T> leader[kWidestSearch];
    Index where[kWidestSearch];
    for (std::int64_t i = begin, n = 0; i < end; i += n) {
      const T* const line = x + i / e.inner * e.axis * e.inner + i % e.inner;
      if (e.inner == 1 && e.axis >= kLongLine) {
        n = 1;
        result[i] = static_cast<Result>(search_line<Better, Index>(line, e.axis));
        continue;
      }
      if (e.inner > 1) {
        n = std::min({e.inner - i % e.inner, end - i, kWidestSearch});
        search<Better>(line, e.axis, e.inner, n, kNextElement, leader, where);
      } else if (end - i >= kSearches) {
        n = kSearches;
        search<Better>(line, e.axis, 1, kSearches, e.axis, leader, where);
      } else {
        n = end - i;
        search<Better>(line, e.axis, 1, n, e.axis, leader, where);
      }
      for (std::int64_t l = 0; l < n; ++l) result[i + l] = static_cast<Result>(where[l]);
    }
  });
}

template <class Better>
KernelFn argmax(Better) {
  return [](KernelContext& c) {
    const AxisExtents e = axis_extents(c.input(0).shape(), c.attrs<ArgMaxAttrs>().axis);
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      const auto into = [&](auto* result) {
        const T* const x = c.input(0).data<T>();
        // Positions are as wide as values, so that both fill vector registers alike.
        if (sizeof(Compute<T>) == 8 || e.axis > std::numeric_limits<std::int32_t>::max()) {
          search_all<Better, std::int64_t>(c, x, e, result);
        } else {
          search_all<Better, std::int32_t>(c, x, e, result);
        }
      };
      c.output(0).dtype() == DType::kInt32 ? into(c.output(0).data<std::int32_t>())
                                           : into(c.output(0).data<std::int64_t>());
    });
  };
}

void in_top_k(KernelContext& c) {
  const std::int64_t classes = c.input(0).shape()[1];
  bool* const result = c.output(0).data<bool>();
  visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T* const predictions = c.input(0).data<T>();
    c.parallel_for(c.output(0).num_elements(), items_per_chunk(classes + 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t target = index_value(c.input(1), row);
        const T* const values = predictions + row * classes;
        bool in = target >= 0 && target < classes;
        std::int64_t larger = 0;
        for (std::int64_t k = 0; in && k < classes; ++k) {
          const auto value = static_cast<Compute<T>>(values[k]);
          in = std::isfinite(value);
          larger += value > static_cast<Compute<T>>(values[target]) ? 1 : 0;
        }
        result[row] = in && larger < c.attrs<InTopKAttrs>().k;
      }
    });
  });
}

}  // namespace

void register_argmax_kernels(KernelRegistry& kernels) {
  kernels.add("ArgMax", kDevice, kNumeric, argmax([](auto candidate, auto leader) { return candidate > leader; }));
  kernels.add("ArgMin", kDevice, kNumeric, argmax([](auto candidate, auto leader) { return candidate < leader; }));
  kernels.add("InTopK", kDevice, kFloating, in_top_k);
}

}  // namespace gradus::cpu
