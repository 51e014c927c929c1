#include "gradus/ops/softmax.h"

#include <cmath>
#include <limits>

#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// log(sum(exp(row))), with the maximum taken out.
double log_sum_exp(const Tensor& x, std::int64_t first, std::int64_t count) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (std::int64_t i = first; i < first + count; ++i) largest = std::fmax(largest, x.at(i));
  for (std::int64_t i = first; i < first + count; ++i) sum += std::exp(x.at(i) - largest);
  return largest + std::log(sum);
}

template <bool logarithm>
void softmax(KernelContext& c) {
  const auto [rows, classes] = row_extents(c.input(0).shape());
  for (std::int64_t r = 0; r < rows; ++r) {
    const double total = log_sum_exp(c.input(0), r * classes, classes);
    for (std::int64_t i = r * classes; i < (r + 1) * classes; ++i) {
      const double y = c.input(0).at(i) - total;
      c.output(0).set(i, logarithm ? y : std::exp(y));
    }
  }
}

void cross_entropy(KernelContext& c) {
  const Tensor &labels = c.input(0), &logits = c.input(1);
  const auto [rows, classes] = row_extents(logits.shape());
  for (std::int64_t r = 0; r < rows; ++r) {
    const double total = log_sum_exp(logits, r * classes, classes);
    double loss = 0, label_sum = 0;
    for (std::int64_t i = r * classes; i < (r + 1) * classes; ++i) {
      loss -= labels.at(i) * (logits.at(i) - total);
      label_sum += labels.at(i);
    }
    c.output(0).set(r, loss);
    for (std::int64_t i = r * classes; i < (r + 1) * classes; ++i) {
      c.output(1).set(i, label_sum * std::exp(logits.at(i) - total) - labels.at(i));
    }
  }
}

void sparse_cross_entropy(KernelContext& c) {
  const Tensor& logits = c.input(1);
  const auto [rows, classes] = row_extents(logits.shape());
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto label = static_cast<std::int64_t>(c.input(0).at(r));
    if (label < 0 || label >= classes) {
      c.fail(Code::kOutOfRange, "row " + std::to_string(r) + " has label " + std::to_string(label) +
                                    ", but there are " + std::to_string(classes) + " classes");
    }
    const double total = log_sum_exp(logits, r * classes, classes);
    c.output(0).set(r, total - logits.at(r * classes + label));
    for (std::int64_t k = 0; k < classes; ++k) {
      c.output(1).set(r * classes + k, std::exp(logits.at(r * classes + k) - total) - (k == label ? 1.0 : 0.0));
    }
  }
}

}  // namespace

void register_softmax_kernels(KernelRegistry& kernels) {
  kernels.add("Softmax", kDevice, kFloating, softmax<false>);
  kernels.add("LogSoftmax", kDevice, kFloating, softmax<true>);
  kernels.add("SoftmaxCrossEntropyWithLogits", kDevice, kFloating, cross_entropy);
  kernels.add("SparseSoftmaxCrossEntropyWithLogits", kDevice, kFloating, sparse_cross_entropy);
}

}  // namespace gradus::reference
