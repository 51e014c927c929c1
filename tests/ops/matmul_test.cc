#include "gradus/ops/matmul.h"

#include <gtest/gtest.h>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class MatMul : public ::testing::Test {
 protected:
  Output tensor(const Shape& shape, const Values& values) { return constant(graph, Tensor::from(shape, values)); }
  Output input(const Shape& shape) { return placeholder(graph, DType::kFloat32, shape); }
  Graph graph;
};

TEST_F(MatMul, ByHandUnderAllTransposes) {
  // [1 2; 3 4] [5 6; 7 8] = [19 22; 43 50]
  const Output a = tensor({2, 2}, {1, 2, 3, 4}), at = tensor({2, 2}, {1, 3, 2, 4});
  const Output b = tensor({2, 2}, {5, 6, 7, 8}), bt = tensor({2, 2}, {5, 7, 6, 8});
  const Values product{19, 22, 43, 50};
  EXPECT_EQ(elements(run_both(matmul(a, b))), product);
  EXPECT_EQ(elements(run_both(matmul(at, b, {.transpose_a = true}))), product);
  EXPECT_EQ(elements(run_both(matmul(a, bt, {.transpose_b = true}))), product);
  EXPECT_EQ(elements(run_both(matmul(at, bt, {true, true}))), product);
}

TEST_F(MatMul, BatchBroadcasts) {
  const Output a = tensor({2, 1, 2}, {1, 2, 3, 4}), b = tensor({2, 1}, {10, 100});
  const Tensor c = run_both(batch_matmul(a, b));
  EXPECT_EQ(c.shape(), Shape({2, 1, 1}));
  EXPECT_EQ(elements(c), (Values{210, 430}));
  EXPECT_EQ(batch_matmul(input({5, 1, 2, 3}), input({4, 3, 7})).shape(), Shape({5, 4, 2, 7}));
  EXPECT_EQ(batch_matmul(input({-1, 3, 2}), input({-1, 3, 7}), {.transpose_a = true}).shape(), Shape({-1, 2, 7}));
}

TEST_F(MatMul, TheGradientIsTheAdjoint) {
  // <A B, C> = <A, dA> = <B, dB> when dA, dB are the gradients of <A B, C>, for every transpose.
  for (int t = 0; t < 4; ++t) {
    const MatMulAttrs attrs{(t & 1) != 0, (t & 2) != 0};
    const Output a =
        constant(graph, random_normal_tensor(DType::kFloat64, attrs.transpose_a ? Shape{4, 3} : Shape{3, 4}, 1));
    const Output b =
        constant(graph, random_normal_tensor(DType::kFloat64, attrs.transpose_b ? Shape{5, 4} : Shape{4, 5}, 2));
    const Output c = constant(graph, random_normal_tensor(DType::kFloat64, {3, 5}, 3));
    const Output inner = reduce_sum(matmul(a, b, attrs) * c);
    const auto d = gradients(inner, {a, b});
    Session session(graph, {});
    const auto values = session.run({inner, reduce_sum(a * d[0]), reduce_sum(b * d[1])});
    EXPECT_NEAR(values[1].at(0), values[0].at(0), 1e-13);
    EXPECT_NEAR(values[2].at(0), values[0].at(0), 1e-13);
  }
}

TEST_F(MatMul, BitsDoNotDependOnTheNumberOfThreads) {
  const Output a = constant(graph, random_normal_tensor(DType::kFloat32, {128, 1300}, 1));
  const Output b = constant(graph, random_normal_tensor(DType::kFloat32, {1300, 120}, 2));
  const Output c = matmul(a, b);
  Tensor values[3];
  for (int threads = 1; threads <= 3; ++threads) {
    Session session(graph, {.device = "cpu:0", .num_threads = threads});
    values[threads - 1] = session.run({c})[0];
  }
  EXPECT_TRUE(bit_equal(values[0], values[1]));
  EXPECT_TRUE(bit_equal(values[0], values[2]));
}

TEST_F(MatMul, ErrorsShowBothShapes) {
  expect_error(Code::kInvalidArgument, "[MatMul 'fc' at matmul_test.cc:", [&] {
    matmul(input({2, 3}), input({4, 5}), {}, "fc");
  });
  expect_error(Code::kInvalidArgument, "inner sizes 3 and 4 differ; got a [2,3] and b [4,5]", [&] {
    matmul(input({2, 3}), input({4, 5}));
  });
  expect_error(Code::kInvalidArgument, "inner sizes 2 and 5 differ; got a [2,3] transposed and b [4,5] transposed",
               [&] {
                 matmul(input({2, 3}), input({4, 5}), {true, true});
               });
  expect_error(Code::kInvalidArgument, "b must have rank 2; got shape [3]", [&] { matmul(input({2, 3}), input({3})); });
  expect_error(Code::kInvalidArgument, "a must have at least rank 2; got shape [3]", [&] {
    batch_matmul(input({3}), input({3, 3}));
  });
  expect_error(Code::kInvalidArgument, "shapes [2] and [3] do not broadcast", [&] {
    batch_matmul(input({2, 4, 4}), input({3, 4, 4}));
  });
}

}  // namespace
}  // namespace gradus
