#include "gradus/ops/debug.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"

namespace gradus {
namespace {

TEST(Debug, CheckNumericsNamesTheNodeAndTheFirstIndex) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 2});
  const Output y = check_numerics(x, "activations", "guard");
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(elements(run_both(y, {{x, Tensor::from<float>({2, 2}, {1, 2, 3, 4})}})), (std::vector<double>{1, 2, 3, 4}));
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    const Feeds feeds{{x, Tensor::from<float>({2, 2}, {1, inf, std::nanf(""), -inf})}};
    expect_error(Code::kInvalidArgument, "[CheckNumerics 'guard' at debug_test.cc:", [&] { session.run(feeds, {y}); });
    expect_error(Code::kInvalidArgument,
                 "activations: 1 NaN and 2 infinite elements of 4, the first at index 1 of [2,2]",
                 [&] { session.run(feeds, {y}); });
  }
}

TEST(Debug, CheckNumericsLooksAtTheGradientToo) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, {});
  const Output dx = gradients(check_numerics(x, "root"), {x}, sqrt(x))[0];
  Session session(graph, {});
  expect_error(Code::kInvalidArgument, "gradient of CheckNumerics: root: 1 NaN", [&] {
    session.run({{x, Tensor::scalar(-1.0)}}, {dx});
  });
}

TEST(Debug, PrintWritesOneLineToStderr) {
  Graph graph;
  const Output x = constant(graph, std::vector<float>{1, 2, 3});
  const Output y = print(x, "look", 2);
  Session session(graph, {});
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(bit_equal(session.run({y})[0], Tensor::from<float>({1, 2, 3})));
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("look: float32 [3]"), 0u) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Debug, CheckNumericsNeedsAFloatingDtype) {
  Graph graph;
  expect_error(Code::kInvalidArgument, "x must be float16, bfloat16, float32 or float64; got int32",
               [&] { check_numerics(constant(graph, std::vector<std::int32_t>{1})); });
}

}  // namespace
}  // namespace gradus
