#include "gradus/ops/shape_ops.h"
#include "gradus/ops/fill.h"
#include "gradus/ops/reshape.h"

#include <gtest/gtest.h>

#include "gradus/ops/concat.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

TEST(ShapeOps, ShapeSizeRankOfAFedTensor) {
  Graph graph;
  const Output x = placeholder(graph, DType::kUInt8, {-1, 3});
  const Feeds feeds{{x, Tensor::zeros(DType::kUInt8, {4, 3})}};
  EXPECT_EQ(elements(run_both(shape(x), feeds)), (Values{4, 3}));
  EXPECT_EQ(elements(run_both(size(x), feeds)), Values{12});
  EXPECT_EQ(elements(run_both(rank(x), feeds)), Values{2});
}

TEST(ShapeOps, ReshapeKeepsTheOrderOfTheElements) {
  Graph graph;
  const Output x = placeholder(graph, DType::kInt64, {-1, 3});
  const Output y = reshape(x, {3, -1});
  const Tensor value = run_both(y, {{x, Tensor::from<std::int64_t>({2, 3}, {1, 2, 3, 4, 5, INT64_MAX})}});
  EXPECT_EQ(value.shape(), Shape({3, 2}));
  EXPECT_EQ(value.data<std::int64_t>()[5], INT64_MAX);
  EXPECT_EQ(value.data<std::int64_t>()[1], 2);
}

TEST(ShapeOps, FoldedIntegersKeepAllTheirBits) {
  Graph graph;
  const Output y =
      reshape(constant(graph, Tensor::from<std::int64_t>({2}, {INT64_MAX, (std::int64_t{1} << 53) + 1})), {2, 1});
  Session session(graph);
  const Tensor value = session.run({y})[0];
  EXPECT_EQ(value.data<std::int64_t>()[0], INT64_MAX);
  EXPECT_EQ(value.data<std::int64_t>()[1], (std::int64_t{1} << 53) + 1);
}

TEST(ShapeOps, ATargetMayBeFed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {6});
  const Output target = placeholder(graph, DType::kInt32, {2});
  const Output y = reshape(x, target);
  Session session(graph);
  const Tensor six = Tensor::full(DType::kFloat32, {6}, 1.0);
  const auto shape_for = [&](std::vector<std::int32_t> sizes) {
    return session.run({{x, six}, {target, Tensor::from(sizes)}}, {y})[0].shape();
  };
  EXPECT_EQ(shape_for({2, 3}), Shape({2, 3}));
  EXPECT_EQ(shape_for({-1, 1}), Shape({6, 1}));
  expect_error(Code::kInvalidArgument, "[Reshape 'Reshape' at shape_ops_test.cc:", [&] { shape_for({4, 4}); });
}

TEST(ShapeOps, SqueezeWithoutAxesRemovesEveryOne) {
  Graph graph;
  const Output x = constant(graph, Tensor::from<float>({1, 2, 1}, {3, 4}));
  EXPECT_EQ(run_both(squeeze(x)).shape(), Shape({2}));
  EXPECT_EQ(elements(run_both(squeeze(x, {-1}))), (Values{3, 4}));
}

TEST(ShapeOps, FillBroadcastAndRange) {
  Graph graph;
  EXPECT_EQ(elements(run_both(fill({2, 2}, constant(graph, Tensor::scalar(true))))), (Values{1, 1, 1, 1}));
  const Output row = constant(graph, std::vector<double>{1, 2});
  EXPECT_EQ(elements(run_both(broadcast_to(row, {2, 2}))), (Values{1, 2, 1, 2}));
  EXPECT_EQ(elements(run_both(broadcast_to(expand_dims(row, 1), {2, 3}))), (Values{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(elements(run_both(range(graph, 5, -2, -3))), (Values{5, 2, -1}));
  EXPECT_EQ(elements(run_both(ones_like(row))), (Values{1, 1}));
  EXPECT_EQ(elements(run_both(zeros_like(row))), (Values{0, 0}));
}

TEST(ShapeOps, AFlattenWithAnUnknownBatchRunsForAnyBatch) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 2, 3});
  const Output batch = strided_slice(shape(x), {0}, {1});
  const Output y = reshape(x, concat({batch, constant(graph, std::vector<std::int32_t>{-1})}, 0));
  ASSERT_EQ(y.shape(), Shape({-1, 6}));
  for (const std::int64_t n : {1, 4}) {
    EXPECT_EQ(run_both(y, {{x, Tensor::zeros(DType::kFloat32, {n, 2, 3})}}).shape(), Shape({n, 6}));
  }
}

}  // namespace
}  // namespace gradus
