#include "gradus/nn/metrics.h"

#include <fmt/format.h>

#include <numeric>

#include "gradus/graph/scopes.h"
#include "gradus/nn/errors.h"
#include "gradus/ops/argmax.h"
#include "gradus/ops/compare.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/unary.h"

namespace gradus::nn {

Output accuracy(const Output& labels, const Output& logits, At at) {
  const Place place("accuracy", at);
  place.check_labels_and_logits(labels, logits);
  place.check_floating("logits", logits);
  if (!is_index(labels.dtype())) {
    place.fail(fmt::format("labels must be int32 or int64 class numbers; got {}", dtype_name(labels.dtype())));
  }
  // equal() would broadcast labels [N, 1] against predictions [N] to all pairs.
  std::vector<std::int64_t> rows = logits.shape().dims();
  if (!rows.empty()) rows.pop_back();
  if (logits.shape().rank() == 0 || !labels.shape().compatible_with(Shape(rows))) {
    place.fail(
        fmt::format("labels must have the shape of logits without its last dimension; got labels {} and logits {}",
                    labels.shape().to_string(), logits.shape().to_string()));
  }
  const NameScope scope(logits.graph(), at.name);
  const Output predictions = argmax(logits, -1, labels.dtype(), {"predictions", at.location});
  return reduce_mean(cast(equal(predictions, labels, {"correct", at.location}), DType::kFloat32), {}, false,
                     {"mean", at.location});
}

Output top_k_accuracy(const Output& labels, const Output& logits, std::int64_t k, At at) {
  const Place place("top_k_accuracy", at);
  place.check_labels_and_logits(labels, logits);
  if (k < 1) place.fail(fmt::format("k must be at least 1; got {}", k));
  const NameScope scope(logits.graph(), at.name);
  return reduce_mean(cast(in_top_k(logits, labels, k, {"in_top_k", at.location}), DType::kFloat32), {}, false,
                     {"mean", at.location});
}

ConfusionMatrix::ConfusionMatrix(std::int64_t classes, SourceLocation location) : classes_(classes) {
  if (classes < 1)
    fail("ConfusionMatrix", location, fmt::format("a confusion matrix needs at least one class; got {}", classes));
  counts_.assign(static_cast<std::size_t>(classes * classes), 0);
}

void ConfusionMatrix::add(const Tensor& labels, const Tensor& predictions) {
  if (!(labels.shape() == predictions.shape())) {
    throw invalid_argument("labels " + labels.shape().to_string() + " and predictions " +
                           predictions.shape().to_string() + " differ in shape");
  }
  if (!is_integer(labels.dtype()) || !is_integer(predictions.dtype())) {
    throw invalid_argument(fmt::format("a confusion matrix counts integer classes; got labels {} and predictions {}",
                                       dtype_name(labels.dtype()), dtype_name(predictions.dtype())));
  }
  const auto check = [&](const char* what, double value, std::int64_t i) {
    if (value < 0 || value >= static_cast<double>(classes_)) {
      throw out_of_range(fmt::format("{} {} is {}, not a class in [0, {})", what, i, value, classes_));
    }
  };
  for (std::int64_t i = 0; i < labels.num_elements(); ++i) {
    check("label", labels.at(i), i);
    check("prediction", predictions.at(i), i);
  }
  for (std::int64_t i = 0; i < labels.num_elements(); ++i) {
    ++counts_[static_cast<std::size_t>(static_cast<std::int64_t>(labels.at(i)) * classes_ +
                                       static_cast<std::int64_t>(predictions.at(i)))];
  }
}

std::int64_t ConfusionMatrix::count(std::int64_t label, std::int64_t prediction) const {
  if (label < 0 || label >= classes_ || prediction < 0 || prediction >= classes_) {
    throw out_of_range(fmt::format("label {}, prediction {}: classes are [0, {})", label, prediction, classes_));
  }
  return counts_[static_cast<std::size_t>(label * classes_ + prediction)];
}

double ConfusionMatrix::accuracy() const {
  std::int64_t correct = 0;
  for (std::int64_t i = 0; i < classes_; ++i) correct += count(i, i);
  const std::int64_t all = std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
  return static_cast<double>(correct) / static_cast<double>(all);
}

double ConfusionMatrix::precision(std::int64_t label) const {
  double predicted = 0.0;
  for (std::int64_t i = 0; i < classes_; ++i) predicted += static_cast<double>(count(i, label));
  return static_cast<double>(count(label, label)) / predicted;
}

double ConfusionMatrix::recall(std::int64_t label) const {
  double occurred = 0.0;
  for (std::int64_t j = 0; j < classes_; ++j) occurred += static_cast<double>(count(label, j));
  return static_cast<double>(count(label, label)) / occurred;
}

std::string ConfusionMatrix::to_string() const {
  std::string text = "label\\predicted";
  for (std::int64_t j = 0; j < classes_; ++j) text += fmt::format("{:>7}", j);
  for (std::int64_t i = 0; i < classes_; ++i) {
    text += fmt::format("\n{:>15}", i);
    for (std::int64_t j = 0; j < classes_; ++j) text += fmt::format("{:>7}", count(i, j));
  }
  return text + "\n";
}

}  // namespace gradus::nn
