// Rows are handled in blocks whose exponentials are taken in one vectorised sweep, so that a few classes cost as little as many.
#include <algorithm>
#include <limits>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/cpu/half_rows.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/formulas/exponential.h"
#include "gradus/core/logarithm.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kBlockRows = 64;
constexpr std::int64_t kBlockElements = 2048;
constexpr std::int64_t kChunkElements = 4096;  // an exponential costs several simple operations

std::int64_t block_rows(std::int64_t classes) {
  return std::clamp<std::int64_t>(kBlockElements / std::max<std::int64_t>(classes, 1), 1, kBlockRows);
}

// Per row of a block: its maximum, and the sum of exp(x - maximum) but for one term of 1, the maximum's. The logarithm of the whole
// sum is log1p(rest), and 1 - p at the maximum is rest / (1 + rest): neither cancels where one class has nearly all. A NaN or an
// infinite maximum makes the rest NaN, and thus the row.
template <class U>
struct RowSums {
  U largest[kBlockRows], rest[kBlockRows];

  void take_logarithms(std::int64_t rows, U* log_sums) const {
    for (std::int64_t r = 0; r < rows; ++r) log_sums[r] = formulas::logarithm_of_one_plus(rest[r]);
  }
};

// join of term(x[0]), ..., term(x[n - 1]), by partial results side by side, which fill vector registers: in an order that depends on
// n only.
template <class U, class Term, class Join>
U combine(const U* x, std::int64_t n, U start, Term term, Join join) {
  constexpr std::int64_t kLanes = 16;
  U total = start;
  std::int64_t k = 0;
  if (n >= kLanes) {
    U lanes[kLanes];
    std::fill_n(lanes, kLanes, start);
    for (; k + kLanes <= n; k += kLanes) {
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] = join(lanes[j], term(x[k + j]));
    }
    for (std::int64_t j = 0; j < kLanes; ++j) total = join(total, lanes[j]);
  }
  for (; k < n; ++k) total = join(total, term(x[k]));
  return total;
}

template <class U>
U largest_of(const U* x, std::int64_t n) {
  const auto same = [](U a) { return a; };
  return combine(x, n, -std::numeric_limits<U>::infinity(), same, [](U a, U b) { return a < b ? b : a; });
}

// Terms of 1 are counted: there may be ties, but at least one.
template <class U>
U rest_of(const U* powers, std::int64_t n) {
  if (n < 16) {
    U below = 0, ones = -1;
    for (std::int64_t k = 0; k < n; ++k) {
      below += powers[k] == 1 ? 0 : powers[k];
      ones += powers[k] == 1 ? 1 : 0;
    }
    return below + ones;
  }
  const auto plus = [](U a, U b) { return a + b; };
  const U below = combine(
      powers, n, U{0}, [](U p) { return p == 1 ? U{0} : p; }, plus);
  return below + (combine(
                      powers, n, U{0}, [](U p) { return p == 1 ? U{1} : U{0}; }, plus) -
                  1);
}

// e^(x - largest). The difference is rounded by up to half a unit of its last place, which is many of the power's; what was lost is
// found exactly (Knuth's sum of two numbers) and taken into the power.
template <class U>
[[gnu::always_inline]] inline U power_of_difference(U x, U largest) {
  const U difference = x - largest, shift = difference - x;
  const U lost = (x - (difference - shift)) - (largest + shift);
  return formulas::exponential_times(difference, difference < formulas::ExponentialFormat<U>::kLowest ? U{0} : lost,
                                     U{1});
}

// power = e^(x - the row's largest). Rows that are short beside vector registers are taken as one, with the largest repeated.
template <class U>
void take_powers(const U* x, U* power, const U* largest, std::int64_t rows, std::int64_t classes) {
  constexpr std::int64_t kShort = 32;
  if (classes < kShort) {
    U repeated[kBlockRows * kShort];
    for (std::int64_t r = 0, i = 0; r < rows; ++r) {
      for (const std::int64_t end = i + classes; i < end; ++i) repeated[i] = largest[r];
    }
    for (std::int64_t i = 0; i < rows * classes; ++i) power[i] = power_of_difference(x[i], repeated[i]);
  } else {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t i = r * classes; i < (r + 1) * classes; ++i) power[i] = power_of_difference(x[i], largest[r]);
    }
  }
}

// Rows of 16-bit numbers are expanded to float32 in scratch memory; others are computed in the result itself.
template <class T>
void prepare_softmax(KernelContext& c) {
  if (std::is_same_v<T, Compute<T>>) return;
  const std::int64_t classes = axis_extents(c.input(c.num_inputs() - 1).shape(), -1).axis;
  c.request_scratch(sizeof(Compute<T>) * static_cast<std::size_t>(c.num_workers() * block_rows(classes) * classes));
}

// finish(first row, number of rows, exp(x - maximum) of the block, sums) for every block of rows of `x`; the exponentials lie
// in `result` (of x's shape) where T allows it.
template <class T, class F>
void for_blocks(KernelContext& c, const T* x, T* result, const AxisExtents& e, F&& finish) {
  using U = Compute<T>;
  const std::int64_t block = block_rows(e.axis);
  const std::int64_t chunk = items_per_chunk(e.axis * block, kChunkElements) * block;
  c.parallel_for_worker(e.outer, chunk, [&](std::int64_t begin, std::int64_t end, int worker) {
    for (std::int64_t first = begin; first < end; first += block) {
      const std::int64_t rows = std::min(block, end - first);
      const U* from = nullptr;
      U* powers = nullptr;
      if constexpr (std::is_same_v<T, U>) {
        from = x + first * e.axis;
        powers = result + first * e.axis;
      } else {
        powers = c.scratch<U>() + worker * block * e.axis;
        widen(x + first * e.axis, powers, rows * e.axis);
        from = powers;
      }
      RowSums<U> sums;
      for (std::int64_t r = 0; r < rows; ++r) sums.largest[r] = largest_of(from + r * e.axis, e.axis);
      take_powers(from, powers, sums.largest, rows, e.axis);
      for (std::int64_t r = 0; r < rows; ++r) sums.rest[r] = rest_of(powers + r * e.axis, e.axis);
      finish(first, rows, powers, sums);
    }
  });
}

template <class T>
void softmax(KernelContext& c) {
  using U = Compute<T>;
  const AxisExtents e = axis_extents(c.input(0).shape(), -1);
  T* const y = c.output(0).data<T>();
  for_blocks(c, c.input(0).data<T>(), y, e,
             [&](std::int64_t first, std::int64_t rows, const U* powers, const RowSums<U>& sums) {
               for (std::int64_t r = 0; r < rows; ++r) {
                 const U scale = 1 / (1 + sums.rest[r]);
                 T* const out = y + (first + r) * e.axis;
                 for (std::int64_t k = 0; k < e.axis; ++k) out[k] = static_cast<T>(powers[r * e.axis + k] * scale);
               }
             });
}

template <class T>
void log_softmax(KernelContext& c) {
  using U = Compute<T>;
  const AxisExtents e = axis_extents(c.input(0).shape(), -1);
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  for_blocks(c, x, y, e, [&](std::int64_t first, std::int64_t rows, const U*, const RowSums<U>& sums) {
    U log_sums[kBlockRows];
    sums.take_logarithms(rows, log_sums);
    for (std::int64_t r = 0; r < rows; ++r) {
      const U log_sum = log_sums[r];
      const T* const in = x + (first + r) * e.axis;
      T* const out = y + (first + r) * e.axis;
      for (std::int64_t k = 0; k < e.axis; ++k)
        out[k] = static_cast<T>(static_cast<U>(in[k]) - sums.largest[r] - log_sum);
    }
  });
}

template <class T>
void cross_entropy(KernelContext& c) {
  using U = Compute<T>;
  const AxisExtents e = axis_extents(c.input(1).shape(), -1);
  const T *const labels = c.input(0).data<T>(), *const x = c.input(1).data<T>();
  T *const loss = c.output(0).data<T>(), *const backprop = c.output(1).data<T>();
  for_blocks(c, x, backprop, e, [&](std::int64_t first, std::int64_t rows, const U* powers, const RowSums<U>& sums) {
    U log_sums[kBlockRows];
    sums.take_logarithms(rows, log_sums);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t start = (first + r) * e.axis;
      const U log_sum = log_sums[r];
      U row_loss = 0, label_sum = 0;
      for (std::int64_t k = 0; k < e.axis; ++k) {
        const U label = static_cast<U>(labels[start + k]), log_power = static_cast<U>(x[start + k]) - sums.largest[r];
        row_loss += label == 0 && log_power == -std::numeric_limits<U>::infinity() ? 0 : label * (log_sum - log_power);
        label_sum += label;
      }
      loss[first + r] = static_cast<T>(row_loss);
      // sum(labels) * p - label, as (sum(labels) - label) * p - label * (1 - p).
      const U scale = 1 / (1 + sums.rest[r]), complement = sums.rest[r] * scale;
      for (std::int64_t k = 0; k < e.axis; ++k) {
        const U label = static_cast<U>(labels[start + k]), power = powers[r * e.axis + k], p = power * scale;
        const U others = power == 1 ? complement : 1 - p;
        backprop[start + k] = static_cast<T>((label_sum - label) * p - label * others);
      }
    }
  });
}

template <class T>
void sparse_cross_entropy(KernelContext& c) {
  using U = Compute<T>;
  const AxisExtents e = axis_extents(c.input(1).shape(), -1);
  const Tensor& labels = c.input(0);
  for (std::int64_t r = 0; r < e.outer; ++r) checked_label(c, labels, r, e.axis);  // before anything is written
  const T* const x = c.input(1).data<T>();
  T *const loss = c.output(0).data<T>(), *const backprop = c.output(1).data<T>();
  for_blocks(c, x, backprop, e, [&](std::int64_t first, std::int64_t rows, const U* powers, const RowSums<U>& sums) {
    U log_sums[kBlockRows];
    sums.take_logarithms(rows, log_sums);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t start = (first + r) * e.axis, label = index_value(labels, first + r);
      const U log_power = static_cast<U>(x[start + label]) - sums.largest[r];
      loss[first + r] = static_cast<T>(log_sums[r] - log_power);
      const U scale = 1 / (1 + sums.rest[r]);
      const U power = powers[r * e.axis + label];
      const U at_label = power == 1 ? -(sums.rest[r] * scale) : power * scale - 1;
      for (std::int64_t k = 0; k < e.axis; ++k) backprop[start + k] = static_cast<T>(powers[r * e.axis + k] * scale);
      backprop[start + label] = static_cast<T>(at_label);
    }
  });
}

}  // namespace

void register_softmax_kernels(KernelRegistry& kernels) {
  for_each_floating([&]<class T>(TypeTag<T>) {
    const DTypeSet dtype{dtype_of<T>};
    kernels.add("Softmax", kDevice, dtype, softmax<T>, prepare_softmax<T>);
    kernels.add("LogSoftmax", kDevice, dtype, log_softmax<T>, prepare_softmax<T>);
    kernels.add("SoftmaxCrossEntropyWithLogits", kDevice, dtype, cross_entropy<T>, prepare_softmax<T>);
    kernels.add("SparseSoftmaxCrossEntropyWithLogits", kDevice, dtype, sparse_cross_entropy<T>, prepare_softmax<T>);
  });
}

}  // namespace gradus::cpu
