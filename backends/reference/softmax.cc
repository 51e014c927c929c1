// Row by row, in long double where differences are taken to powers.
#include <cmath>
#include <limits>
#include <vector>

#include "gradus/backends/common/indices.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/ops/axis_extents.h"

namespace gradus::reference {
namespace {

// One row of logits. All is computed from x - maximum: adding the maximum back would lose the digits that it has in excess. (In long
// double, because an exponential makes much of the rounding of a difference.) The term of the (first) maximum, which is 1, is kept
// out of the sum, so that log1p and 1 - p stay exact where it has nearly all.
class Row {
 public:
  Row(const Tensor& x, std::int64_t first, std::int64_t classes) : x_(x), first_(first) {
    for (std::int64_t k = 1; k < classes; ++k) {
      if (x.at(first + k) > x.at(first + place_) || std::isnan(x.at(first + place_))) place_ = k;
    }
    if (classes > 0) rest_ = log_power(place_);  // 0, or NaN for a row with NaN or infinity, or of -infinity only
    for (std::int64_t k = 0; k < classes; ++k) rest_ += k == place_ ? 0 : std::exp(log_power(k));
  }

  // log p[k], p[k] and 1 - p[k].
  double log_probability(std::int64_t k) const { return static_cast<double>(log_power(k) - std::log1p(rest_)); }
  double probability(std::int64_t k) const { return static_cast<double>(std::exp(log_power(k)) / (1 + rest_)); }
  double complement(std::int64_t k) const {
    return k == place_ ? static_cast<double>(rest_ / (1 + rest_)) : 1.0 - probability(k);
  }

 private:
  long double log_power(std::int64_t k) const {
    return static_cast<long double>(x_.at(first_ + k)) - static_cast<long double>(x_.at(first_ + place_));
  }

  const Tensor& x_;
  std::int64_t first_, place_ = 0;
  long double rest_ = 0;
};

template <bool logarithm>
void softmax(KernelContext& c) {
  const auto [rows, classes, inner] = axis_extents(c.input(0).shape(), -1);
  for (std::int64_t r = 0; r < rows; ++r) {
    const Row row(c.input(0), r * classes, classes);
    std::vector<double> y(static_cast<std::size_t>(classes));  // the result may have the operand's memory
    for (std::int64_t k = 0; k < classes; ++k) {
      y[static_cast<std::size_t>(k)] = logarithm ? row.log_probability(k) : row.probability(k);
    }
    for (std::int64_t k = 0; k < classes; ++k) c.output(0).set(r * classes + k, y[static_cast<std::size_t>(k)]);
  }
}

// backprop = sum(labels) * p - labels, as (sum(labels) - label) * p - label * (1 - p).
void cross_entropy(KernelContext& c) {
  const Tensor &labels = c.input(0), &logits = c.input(1);
  const auto [rows, classes, inner] = axis_extents(logits.shape(), -1);
  for (std::int64_t r = 0; r < rows; ++r) {
    const Row row(logits, r * classes, classes);
    double loss = 0, label_sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) {
      const double label = labels.at(r * classes + k), log_p = row.log_probability(k);
      loss -= label == 0 && log_p == -std::numeric_limits<double>::infinity() ? 0.0 : label * log_p;
      label_sum += label;
    }
    c.output(0).set(r, loss);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double label = labels.at(r * classes + k);
      c.output(1).set(r * classes + k, (label_sum - label) * row.probability(k) - label * row.complement(k));
    }
  }
}

void sparse_cross_entropy(KernelContext& c) {
  const Tensor& logits = c.input(1);
  const auto [rows, classes, inner] = axis_extents(logits.shape(), -1);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t label = common::checked_label(c, c.input(0), r, classes);
    const Row row(logits, r * classes, classes);
    c.output(0).set(r, 0.0 - row.log_probability(label));  // +0 where the label is certain
    for (std::int64_t k = 0; k < classes; ++k) {
      c.output(1).set(r * classes + k, k == label ? -row.complement(k) : row.probability(k));
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
