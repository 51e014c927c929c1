// What every reduction gives of no elements and of one, forward and backward, on both backends: 0 for sums and norms, NaN for
// means (of nothing there is none), the neutral element for products and extremes; and no NaN in any gradient.
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/run/session.h"
#include "gradus/ops/argmax.h"
#include "gradus/ops/batch_norm.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/conv2d.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/softmax.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

bool same(const Values& a, const Values& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) equal = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
  return equal;
}

struct SingleReduction {
  const char* op;
  Output (*reduce)(const Output&, const std::vector<std::int64_t>&, bool, At);
  double of_nothing, of_minus_two, slope_of_minus_two;
};
const SingleReduction kReductions[] = {
    {"Sum", reduce_sum, 0, -2, 1},     {"Mean", reduce_mean, NAN, -2, 1},
    {"Max", reduce_max, -kInf, -2, 1}, {"Min", reduce_min, kInf, -2, 1},
    {"Prod", reduce_prod, 1, -2, 1},   {"EuclideanNorm", reduce_euclidean_norm, 0, 2, -1}};

TEST(EmptyAndSingle, Reductions) {
  for (const SingleReduction& r : kReductions) {
    for (const DType dtype : kDTypes) {
      for (const bool known : {true, false}) {
        SCOPED_TRACE(std::string(r.op) + " " + dtype_name(dtype) + (known ? "" : " unknown"));
        Graph graph;
        const auto input = [&](const Shape& shape) {
          return placeholder(graph, dtype, known ? shape : Shape::of_rank(shape.rank()));
        };
        const auto value = [&](const Output& y, const Output& x, const Shape& shape) {
          return elements(run_both(y, {{x, Tensor::full(dtype, shape, -2)}}));
        };
        const Output none = input({0, 2});
        const Output over = r.reduce(none, {0}, false, {});
        EXPECT_TRUE(same(value(over, none, {0, 2}), Values(2, r.of_nothing)));
        EXPECT_TRUE(same(value(r.reduce(none, {}, true, {}), none, {0, 2}), {r.of_nothing}));
        EXPECT_TRUE(same(value(r.reduce(none, {1}, false, {}), none, {0, 2}), {}));
        EXPECT_TRUE(same(value(gradients(over, {none})[0], none, {0, 2}), {}));
        const Output one = input({1, 2});
        const Output of_one = r.reduce(one, {0}, false, {});
        EXPECT_TRUE(same(value(of_one, one, {1, 2}), Values(2, r.of_minus_two)));
        EXPECT_TRUE(same(value(gradients(of_one, {one})[0], one, {1, 2}), Values(2, r.slope_of_minus_two)));
      }
    }
  }
}

// What the weights' gradients of a layer are made of: sums over the batch.
TEST(EmptyAndSingle, SumsOverAnEmptyBatchAreZero) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output rows = constant(graph, Tensor(dtype, {0, 3})), w = constant(graph, Tensor::full(dtype, {3, 2}, 1));
    const Output images = constant(graph, Tensor(dtype, {0, 4, 4, 2}));
    const Output filter = constant(graph, Tensor::full(dtype, {3, 3, 2, 5}, 1));
    EXPECT_EQ(elements(run_both(gradients(matmul(rows, w), {w})[0])), Values(6, 0));
    EXPECT_EQ(elements(run_both(gradients(conv2d(images, filter, {.padding = Padding::kSame}), {filter})[0])),
              Values(90, 0));
    EXPECT_EQ(elements(run_both(bias_add_grad(images))), Values(2, 0));
    EXPECT_EQ(elements(run_both(l2_loss(images))), Values{0});
    EXPECT_EQ(elements(run_both(sum_to_shape(rows, constant(graph, std::vector<std::int32_t>{3})))), Values(3, 0));
    EXPECT_EQ(
        elements(run_both(matmul(constant(graph, Tensor(dtype, {2, 0})), constant(graph, Tensor(dtype, {0, 2}))))),
        Values(4, 0));
    for (const Output& y : {max_pool(images, square_pool(2, 2)), avg_pool(images, square_pool(2, 2)),
                            dropout(images, 0.5), softmax(rows), log_softmax(rows)}) {
      EXPECT_EQ(run_both(gradients(y, {images, rows})[y.node().inputs()[0] == rows ? 1 : 0]).num_elements(), 0);
    }
    EXPECT_EQ(run_both(global_avg_pool(images)).shape(), (Shape{0, 2}));
    // The mean over the pixels of an image without pixels.
    EXPECT_TRUE(same(elements(run_both(global_avg_pool(constant(graph, Tensor(dtype, {1, 0, 4, 2}))))), {NAN, NAN}));
  }
}

TEST(EmptyAndSingle, CrossEntropies) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output none = constant(graph, Tensor(dtype, {0, 3}));
    const Output no_labels = constant(graph, Tensor(DType::kInt32, {0}));
    EXPECT_EQ(run_both(sparse_softmax_cross_entropy_with_logits(no_labels, none)).num_elements(), 0);
    EXPECT_EQ(run_both(softmax_cross_entropy_with_logits(none, none)).num_elements(), 0);
    // One class is certain.
    const Output one = constant(graph, Tensor::full(dtype, {1, 1}, 7)),
                 label = constant(graph, std::vector<std::int32_t>{0});
    const Output loss = sparse_softmax_cross_entropy_with_logits(label, one);
    EXPECT_EQ(elements(run_both(loss)), Values{0});
    EXPECT_EQ(elements(run_both(gradients(loss, {one})[0])), Values{0});
    EXPECT_EQ(elements(run_both(softmax(one))), Values{1});
  }
}

TEST(EmptyAndSingle, ArgMaxOfNothingIsAnError) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, -1});
  const Output y = argmax(x, 1);
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    EXPECT_EQ(session.run({{x, Tensor(DType::kFloat32, {0, 3})}}, {y})[0].num_elements(), 0);
    EXPECT_EQ(session.run({{x, Tensor::zeros(DType::kFloat32, {1, 1})}}, {y})[0].at(0), 0);
    EXPECT_THROW(session.run({{x, Tensor(DType::kFloat32, {3, 0})}}, {y}), Error);
  }
}

// Statistics of nothing are NaN; what was saved for the gradients is 0, and so are they, of both orders.
TEST(EmptyAndSingle, BatchNormOfAnEmptyBatch) {
  for (const DType dtype : kDTypes) {
    for (const bool known : {true, false}) {
      for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
        Graph graph;
        const bool last = format == DataFormat::kNHWC;
        const Shape shape = last ? Shape{0, 3, 2} : Shape{0, 2, 3};
        const Output x = placeholder(graph, dtype, known ? shape : last ? Shape{-1, 3, 2} : Shape{-1, 2, 3});
        const Output scale = constant(graph, Tensor::full(dtype, {2}, 2)),
                     offset = constant(graph, Tensor::full(dtype, {2}, 1));
        const BatchNormOutputs o = fused_batch_norm(x, scale, offset, {.epsilon = 0, .data_format = format});
        const Feeds feeds{{x, Tensor(dtype, shape)}};
        const auto value = [&](const Output& y) { return elements(run_both(y, feeds)); };
        EXPECT_TRUE(same(value(o.batch_mean), {NAN, NAN}));
        EXPECT_TRUE(same(value(o.batch_variance), {NAN, NAN}));
        EXPECT_EQ(value(o.saved_mean), Values(2, 0));
        EXPECT_EQ(value(o.saved_inv_std), Values(2, 0));
        const std::vector<Output> first = gradients({o.y}, {x, scale, offset}, {x});
        EXPECT_EQ(value(first[0]), Values{});
        EXPECT_EQ(value(first[1]), Values(2, 0));
        EXPECT_EQ(value(first[2]), Values(2, 0));
        const std::vector<Output> second = gradients({reduce_sum(square(first[0])), reduce_sum(first[1])}, {scale, x});
        EXPECT_EQ(value(second[0]), Values(2, 0));
        EXPECT_EQ(value(second[1]), Values{});
      }
    }
  }
}

// One element is its own mean: y is the offset, and neither x nor the scale has an influence.
TEST(EmptyAndSingle, BatchNormOfOneElement) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output x = constant(graph, Tensor::from<double>({1, 2}, {7, -3}).cast(dtype));
    const Output scale = constant(graph, Tensor::full(dtype, {2}, 2)),
                 offset = constant(graph, Tensor::full(dtype, {2}, 5));
    const BatchNormOutputs o = fused_batch_norm(x, scale, offset, {.epsilon = 1});
    EXPECT_EQ(elements(run_both(o.y)), Values(2, 5));
    EXPECT_EQ(elements(run_both(o.batch_mean)), (Values{7, -3}));
    EXPECT_EQ(elements(run_both(o.batch_variance)), Values(2, 0)) << "divided by 1, not by n - 1 = 0";
    const std::vector<Output> d = gradients({o.y, o.batch_variance}, {x, scale, offset}, {3.0 * ones_like(x), scale});
    EXPECT_EQ(elements(run_both(d[0])), Values(2, 0));
    EXPECT_EQ(elements(run_both(d[1])), Values(2, 0));
    EXPECT_EQ(elements(run_both(d[2])), Values(2, 3));
  }
}

}  // namespace
}  // namespace gradus
