// How exact softmax and the cross entropies are, with their first and second derivatives, in units of the last place. The exact
// values are sums in the widest floating type of all terms but one where one class has nearly all. docs/ops/softmax.md prints the
// bounds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/accuracy_table.h"
#include "tests/support/paths.h"
#include "tests/support/wide.h"

namespace gradus {
namespace {

constexpr std::int64_t kClasses = 7, kRows = 200;

struct Column {
  const char* name;
  double height, spread;  // logits are height + spread * normal numbers
};
const Column kLossColumns[] = {{"0.01", 0, 0.01}, {"1", 0, 1},          {"10", 0, 10},
                               {"40", 0, 40},     {"1 at 1e6", 1e6, 1}, {"equal, 1e8", 1e8, 0}};

// One row of logits, exactly.
struct Row {
  Wide power[kClasses], log_power[kClasses], sum = 0;
  std::size_t largest = 0;

  Row(const Tensor& x, std::int64_t r) {
    const auto at = [&](std::size_t k) { return static_cast<Wide>(x.at(r * kClasses + static_cast<std::int64_t>(k))); };
    for (std::size_t k = 0; k < kClasses; ++k) largest = at(k) > at(largest) ? k : largest;
    for (std::size_t k = 0; k < kClasses; ++k) {
      log_power[k] = at(k) - at(largest);
      sum += power[k] = wide::exp(log_power[k]);
    }
  }
  Wide without(std::size_t k) const {  // the sum of the others
    Wide rest = 0;
    for (std::size_t j = 0; j < kClasses; ++j) rest += j == k ? 0 : power[j];
    return rest;
  }
  Wide p(std::size_t k) const { return power[k] / sum; }
  Wide log_p(std::size_t k) const { return log_power[k] - wide::log1p(without(largest)); }
  // [j = k] - p[k], the derivative of log p[j] by x[k]
  Wide slope(std::size_t j, std::size_t k) const { return j == k ? without(k) / sum : -p(k); }
};

struct LossGraphs {
  Graph graph;
  Output x, labels, sparse_labels, first, second;  // directions of the derivatives: [rows, classes]
  std::vector<Output> fetches;
  explicit LossGraphs(DType dtype) {
    x = placeholder(graph, dtype, {kRows, kClasses});
    labels = placeholder(graph, dtype, {kRows, kClasses});
    first = placeholder(graph, dtype, {kRows, kClasses});
    second = placeholder(graph, dtype, {kRows, kClasses});
    sparse_labels = placeholder(graph, DType::kInt32, {kRows});
    for (const Output& y : {softmax(x), log_softmax(x)}) add(y, gradients(y, {x}, {first})[0]);
    for (const Output& loss :
         {sparse_softmax_cross_entropy_with_logits(sparse_labels, x), softmax_cross_entropy_with_logits(labels, x)}) {
      add(loss, gradients(loss, {x})[0]);
    }
  }
  void add(const Output& y, const Output& slope) {
    fetches.insert(fetches.end(), {y, slope, gradients(slope, {x}, {second})[0]});
  }
};

Tensor one_hot_rows(DType dtype, std::size_t k) {
  Tensor t = Tensor::zeros(dtype, {kRows, kClasses});
  for (std::int64_t r = 0; r < kRows; ++r) t.set(r * kClasses + static_cast<std::int64_t>(k), 1);
  return t;
}

TEST(SoftmaxTable, IsWithinTheBoundsOfThePage) {
  if (!wide::kIsWide) GTEST_SKIP() << "long double is no wider than double here";
  std::vector<std::string> names;
  for (const Column& c : kLossColumns) names.push_back(c.name);
  AccuracyTable table("op, by the spread of the logits", names);
  const char* const rows[] = {"softmax", "log_softmax", "sparse cross entropy", "dense cross entropy"};
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    LossGraphs graphs(dtype);
    Session session(graphs.graph, {.device = "cpu:0", .num_threads = 1, .flush_subnormals = false});
    for (std::size_t column = 0; column < names.size(); ++column) {
      std::mt19937_64 random(column + 1);
      std::normal_distribution<double> normal;
      Tensor x(dtype, {kRows, kClasses}), labels(dtype, {kRows, kClasses});
      for (std::int64_t i = 0; i < x.num_elements(); ++i) {
        x.set(i, kLossColumns[column].height + kLossColumns[column].spread * normal(random));
        labels.set(i, std::abs(normal(random)));
      }
      for (const std::size_t j : {0U, 3U}) {
        for (const std::size_t l : {0U, 3U, 5U}) {
          const Tensor classes = Tensor::full(DType::kInt32, {kRows}, static_cast<double>(j));
          const auto got = session.run({{graphs.x, x},
                                        {graphs.labels, labels},
                                        {graphs.sparse_labels, classes},
                                        {graphs.first, one_hot_rows(dtype, j)},
                                        {graphs.second, one_hot_rows(dtype, l)}},
                                       graphs.fetches);
          for (std::int64_t r = 0; r < kRows; ++r) {
            const Row row(x, r);
            const auto record = [&](std::size_t op, std::size_t order, std::size_t k, bool per_row, Wide exact,
                                    Wide scale) {
              const double y = got[3 * op + order].at(per_row ? r : r * kClasses + static_cast<std::int64_t>(k));
              table.record(rows[op] + std::string(order, '\''), column, dtype, wide::ulps(y, exact, dtype, scale),
                           [&] { return fmt::format("row {} class {} of {}, {}: {:.9g}", r, k, j, l, y); });
            };
            Wide loss = 0, label_sum = 0;
            for (std::size_t k = 0; k < kClasses; ++k) {
              const Wide label = labels.at(r * kClasses + static_cast<std::int64_t>(k));
              loss -= label * row.log_p(k);
              label_sum += label;
            }
            record(2, 0, 0, true, -row.log_p(j), 0);
            record(3, 0, 0, true, loss, 0);
            for (std::size_t k = 0; k < kClasses; ++k) {
              const Wide label = labels.at(r * kClasses + static_cast<std::int64_t>(k));
              const Wide a = row.slope(j, k) * row.slope(j, l), b = row.p(l) * row.slope(l, k);
              record(0, 0, k, false, row.p(k), 0);
              record(0, 1, k, false, row.p(j) * row.slope(j, k), 0);
              record(0, 2, k, false, row.p(j) * (a - b), row.p(j) * std::max(wide::abs(a), wide::abs(b)));
              record(1, 0, k, false, row.log_p(k), 0);
              record(1, 1, k, false, row.slope(j, k), 0);
              record(1, 2, k, false, -b, 0);
              record(2, 1, k, false, -row.slope(j, k), 0);
              record(2, 2, k, false, b, 0);
              record(3, 1, k, false, label_sum * row.p(k) - label, std::max(label_sum * row.p(k), label));
              record(3, 2, k, false, label_sum * b, 0);
            }
          }
        }
      }
    }
  }
  table.expect_within_bounds_of(std::string(kSourceFolder) + "/docs/ops/softmax.md");
}

}  // namespace
}  // namespace gradus
