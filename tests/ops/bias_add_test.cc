#include <gtest/gtest.h>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/bias_add.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

TEST(BiasAdd, OneNumberPerChannelInBothLayouts) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Shape{1, 2, 1, 2}, Values{1, 2, 3, 4}));
  const Output bias = constant(graph, Values{10, 20});
  EXPECT_EQ(elements(run_both(bias_add(x, bias))), (Values{11, 22, 13, 24}));
  EXPECT_EQ(elements(run_both(bias_add(x, bias, {DataFormat::kNCHW}))), (Values{11, 12, 23, 24}));
}

TEST(BiasAdd, GradientIsTheSumOverEverythingElse) {
  Graph graph;
  const Output dy = constant(graph, Tensor::from(Shape{2, 2, 1, 2}, Values{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(elements(run_both(bias_add_grad(dy))), (Values{16, 20}));
  EXPECT_EQ(elements(run_both(bias_add_grad(dy, {DataFormat::kNCHW}))), (Values{14, 22}));
}

TEST(BiasAdd, SameBitsForEveryNumberOfThreads) {
  Graph graph;
  const Output dy = constant(graph, random_normal_tensor(DType::kFloat32, {64, 33, 40}, 1));
  const std::vector<Output> fetches = {bias_add_grad(dy), bias_add_grad(dy, {DataFormat::kNCHW})};
  std::vector<Tensor> first;
  for (const int threads : {1, 2, 3}) {
    Session session(graph, {.device = "cpu:0", .num_threads = threads});
    const std::vector<Tensor> values = session.run(fetches);
    if (first.empty()) first = values;
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_TRUE(bit_equal(values[i], first[i])) << threads;
  }
}

TEST(BiasAdd, Rejections) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 3});
  expect_error(Code::kInvalidArgument, "bias has 4 elements but value has 3 channels: value [?,3] NHWC, bias [4]",
               [&] { bias_add(x, placeholder(graph, DType::kFloat32, {4})); });
  expect_error(Code::kInvalidArgument, "rank 2 or more",
               [&] { bias_add_grad(placeholder(graph, DType::kFloat32, {4})); });
  expect_error(Code::kInvalidArgument, "rank 1", [&] { bias_add(x, placeholder(graph, DType::kFloat32, {1, 3})); });
}

}  // namespace
}  // namespace gradus
