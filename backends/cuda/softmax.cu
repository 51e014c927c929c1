// Softmax and cross-entropies: a warp per row. All is computed from x - maximum; the term of the (first) maximum, which is 1, is kept out
// of the sum, so that log(1 + rest) and 1 - p stay exact where it has nearly all.
#include "gradus/ops/softmax.h"

#include <cmath>
#include <limits>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::cuda {
namespace {

constexpr unsigned kWarp = 32, kEveryLane = 0xffffffffU;

// A row of logits as the 32 threads of its warp know it, all the same. Exponentials are taken in float64: in float32 the rounding of
// x - maximum would be seen in them.
struct Row {
  double maximum = 0, rest = 0;  // rest: the sum of exp(x - maximum) but for the maximum's own term
  std::int64_t place = 0;        // of the maximum, the first of several; of the first NaN, where there is one

  __device__ double log_power(double x) const { return x - maximum; }
  __device__ double log_probability(double x) const { return log_power(x) - ::log1p(rest); }
  __device__ double probability(double x) const { return ::exp(log_power(x)) / (1 + rest); }
  __device__ double complement(double x, std::int64_t k) const {
    return k == place ? rest / (1 + rest) : 1 - probability(x);
  }
};

template <class T>
__device__ double value_of(const T* row, std::int64_t k) {
  return static_cast<double>(static_cast<Compute<T>>(row[k]));
}

__device__ inline double warp_sum(double value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(kEveryLane, value, distance);
  return value;
}

template <class T>
__device__ Row read_row(const T* x, std::int64_t classes) {
  const unsigned lane = threadIdx.x % kWarp;
  Row row;
  row.maximum = -std::numeric_limits<double>::infinity();
  row.place = classes;
  for (std::int64_t k = lane; k < classes; k += kWarp) {
    const double value = value_of(x, k);
    if (row.maximum == row.maximum && (row.place == classes || value > row.maximum || value != value))
      row.maximum = value, row.place = k;
  }
  // Of two candidates: a NaN before a number, the larger before the smaller, the first before the second.
  for (int distance = 16; distance > 0; distance /= 2) {
    const double value = __shfl_xor_sync(kEveryLane, row.maximum, distance);
    const auto place =
        static_cast<std::int64_t>(__shfl_xor_sync(kEveryLane, static_cast<long long>(row.place), distance));
    const bool nan = row.maximum != row.maximum, other_nan = value != value;
    const bool first = place < row.place;
    if (nan == other_nan ? (nan || value == row.maximum ? first : value > row.maximum) : other_nan)
      row.maximum = value, row.place = place;
  }
  double rest = 0;
  for (std::int64_t k = lane; k < classes; k += kWarp) {
    if (k != row.place) rest += ::exp(row.log_power(value_of(x, k)));
  }
  // 0, or NaN for a row with a NaN or an infinity, or of -infinity only.
  row.rest = warp_sum(rest) + (row.maximum - row.maximum);
  return row;
}

template <class T, bool logarithm>
__global__ void softmax(T* y, const T* x, std::int64_t rows, std::int64_t classes) {
  for (std::int64_t r = first_item() / kWarp; r < rows; r += item_stride() / kWarp) {
    const Row row = read_row(x + r * classes, classes);
    for (std::int64_t k = threadIdx.x % kWarp; k < classes; k += kWarp) {
      const double value = value_of(x + r * classes, k);
      y[r * classes + k] = static_cast<T>(logarithm ? row.log_probability(value) : row.probability(value));
    }
  }
}

// backprop = sum(labels) * p - labels, as (sum(labels) - label) * p - label * (1 - p).
template <class T>
__global__ void cross_entropy(T* losses, T* backprop, const T* labels, const T* logits, std::int64_t rows,
                              std::int64_t classes) {
  for (std::int64_t r = first_item() / kWarp; r < rows; r += item_stride() / kWarp) {
    const T *const x = logits + r * classes, *const z = labels + r * classes;
    const Row row = read_row(x, classes);
    double loss = 0, label_sum = 0;
    for (std::int64_t k = threadIdx.x % kWarp; k < classes; k += kWarp) {
      const double label = value_of(z, k), log_p = row.log_probability(value_of(x, k));
      loss -= label == 0 && log_p == -std::numeric_limits<double>::infinity() ? 0.0 : label * log_p;
      label_sum += label;
    }
    loss = warp_sum(loss);
    label_sum = warp_sum(label_sum);
    if (threadIdx.x % kWarp == 0) losses[r] = static_cast<T>(loss);
    for (std::int64_t k = threadIdx.x % kWarp; k < classes; k += kWarp) {
      const double label = value_of(z, k), value = value_of(x, k);
      backprop[r * classes + k] =
          static_cast<T>((label_sum - label) * row.probability(value) - label * row.complement(value, k));
    }
  }
}

template <class T, class Label>
__global__ void sparse_cross_entropy(T* losses, T* backprop, const Label* labels, const T* logits, std::int64_t rows,
                                     std::int64_t classes, Finding* findings, unsigned mistake) {
  for (std::int64_t r = first_item() / kWarp; r < rows; r += item_stride() / kWarp) {
    const T* const x = logits + r * classes;
    const std::int64_t label = labels[r];
    if (label < 0 || label >= classes) {
      // What comes later in the run is computed all the same: of NaN, rather than of what lay in memory.
      const T nan = static_cast<T>(std::numeric_limits<double>::quiet_NaN());
      if (threadIdx.x % kWarp == 0) {
        report(findings, mistake, r, label);
        losses[r] = nan;
      }
      for (std::int64_t k = threadIdx.x % kWarp; k < classes; k += kWarp) backprop[r * classes + k] = nan;
      continue;
    }
    const Row row = read_row(x, classes);
    if (threadIdx.x % kWarp == 0)
      losses[r] = static_cast<T>(0.0 - row.log_probability(value_of(x, label)));  // +0 where it is certain
    for (std::int64_t k = threadIdx.x % kWarp; k < classes; k += kWarp) {
      const double value = value_of(x, k);
      backprop[r * classes + k] = static_cast<T>(k == label ? -row.complement(value, k) : row.probability(value));
    }
  }
}

template <bool logarithm>
void softmax_kernel(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(0).shape(), -1);
  visit_floating(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    run_over<softmax<T, logarithm>>(c, e.outer * kWarp, c.output(0).data<T>(), c.input(0).data<T>(), e.outer, e.axis);
  });
}

void cross_entropy_kernel(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(1).shape(), -1);
  visit_floating(c.input(1).dtype(), [&]<class T>(TypeTag<T>) {
    run_over<cross_entropy<T>>(c, e.outer * kWarp, c.output(0).data<T>(), c.output(1).data<T>(), c.input(0).data<T>(),
                               c.input(1).data<T>(), e.outer, e.axis);
  });
}

template <class Label>
void sparse_cross_entropy_of(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(1).shape(), -1);
  visit_floating(c.input(1).dtype(), [&]<class T>(TypeTag<T>) {
    run_over<sparse_cross_entropy<T, Label>>(c, e.outer * kWarp, c.output(0).data<T>(), c.output(1).data<T>(),
                                             c.input(0).data<Label>(), c.input(1).data<T>(), e.outer, e.axis,
                                             device_of(c).findings(), c.kept<unsigned>());
  });
}
void sparse_cross_entropy_kernel(KernelContext& c) {
  c.input(0).dtype() == DType::kInt32 ? sparse_cross_entropy_of<std::int32_t>(c)
                                      : sparse_cross_entropy_of<std::int64_t>(c);
}
void prepare_sparse_cross_entropy(KernelContext& c) {
  const AxisExtents e = axis_extents(c.input(1).shape(), -1);
  c.keep(add_mistake(c, Code::kOutOfRange, [classes = e.axis](std::int64_t row, std::int64_t label) {
    return common::label_text(row, label, classes);
  }));
}

}  // namespace

void register_softmax_kernels(KernelRegistry& kernels) {
  kernels.add("Softmax", kDevice, kFloating, softmax_kernel<false>);
  kernels.add("LogSoftmax", kDevice, kFloating, softmax_kernel<true>);
  kernels.add("SoftmaxCrossEntropyWithLogits", kDevice, kFloating, cross_entropy_kernel);
  kernels.add("SparseSoftmaxCrossEntropyWithLogits", kDevice, kFloating, sparse_cross_entropy_kernel,
              prepare_sparse_cross_entropy);
}

}  // namespace gradus::cuda
