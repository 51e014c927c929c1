// Zeros for unconnected xs, in runs: shapes that only the run knows, and xs that no run feeds.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "tests/support/run_both.h"

namespace gradus {
namespace {

TEST(UnconnectedGradients, AreZerosOfTheShapeThatTheRunHas) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {-1}, "x"),
               lonely = placeholder(graph, DType::kFloat32, {-1, 2});
  const Output y = reduce_sum(square(x));
  const std::vector<Output> grads = gradients(y, {x, lonely}, {}, Unconnected::kZeros);
  Session session(graph);
  for (const std::int64_t batch : {3, 0, 5}) {
    const Feeds feeds = {{x, Tensor::full(DType::kFloat64, {batch}, 1.5)},
                         {lonely, Tensor::full(DType::kFloat32, {batch, 2}, 7)}};
    const std::vector<Tensor> values = session.run(feeds, grads);
    EXPECT_TRUE(bit_equal(values[0], Tensor::full(DType::kFloat64, {batch}, 3.0)));  // 2 * 1.5
    EXPECT_TRUE(bit_equal(values[1], Tensor::zeros(DType::kFloat32, {batch, 2})));
  }
}

TEST(UnconnectedGradients, OfAKnownShapeAreZerosWithoutAFeed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {2}, "x"), lonely = placeholder(graph, DType::kFloat32, {3});
  const Output v = variable(graph, Tensor::full(DType::kFloat32, {2, 2}, 4), "v");
  const std::vector<Output> grads = gradients(reduce_sum(square(x)), {lonely, v}, {}, Unconnected::kZeros);
  EXPECT_EQ(elements(run_both(grads[0])), std::vector<double>(3, 0.0));
  EXPECT_EQ(elements(run_both(grads[1])), std::vector<double>(4, 0.0));
}

TEST(UnconnectedGradients, AreNothingToFetch) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {2}, "x"),
               lonely = placeholder(graph, DType::kFloat32, {3}, "lonely");
  const Output none = gradients(reduce_sum(square(x)), {lonely})[0];
  Session session(graph);
  try {
    session.run(none);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("by x 'lonely'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace gradus
