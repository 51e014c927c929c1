// Metrics: graph nodes for one batch, and small accumulators over batches on the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"
#include "gradus/graph/graph.h"

namespace gradus::nn {

// Share of rows of logits [N, classes] whose largest entry is at the label [N]; a float32 scalar. Ties go to the first. Of no
// rows it is NaN, the mean of nothing, here and below.
Output accuracy(const Output& labels, const Output& logits, At at = "accuracy");
// Share of rows whose label is among the k largest.
Output top_k_accuracy(const Output& labels, const Output& logits, std::int64_t k, At at = "top_k_accuracy");

// Weighted mean: add(batch mean, batch size). What has weight 0 takes no part, be it NaN as the accuracy of an empty batch is.
class Mean {
 public:
  template <class Weight = double>  // any number, so that batch.size() needs no cast
  void add(double value, Weight weight = 1.0) {
    if (weight == Weight{}) return;
    sum_ += value * static_cast<double>(weight);
    weight_ += static_cast<double>(weight);
  }
  // NaN before anything with a weight was added.
  double value() const { return sum_ / weight_; }
  void reset() { sum_ = weight_ = 0.0; }

 private:
  double sum_ = 0.0;
  double weight_ = 0.0;
};

// counts[label][prediction].
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::int64_t classes, SourceLocation location = SourceLocation::current());
  // Integer tensors of the same shape (InvalidArgument otherwise). Here and below a class that does not exist is OutOfRange.
  void add(const Tensor& labels, const Tensor& predictions);
  std::int64_t count(std::int64_t label, std::int64_t prediction) const;
  double accuracy() const;                     // NaN before the first add
  double precision(std::int64_t label) const;  // NaN when it was never predicted
  double recall(std::int64_t label) const;     // NaN when it never occurred
  // A table with labels as rows and predictions as columns.
  std::string to_string() const;

 private:
  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
};

}  // namespace gradus::nn
