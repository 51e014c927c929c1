// What custom_gradient() builds; its numbers are in tests/autodiff/custom_gradient_test.cc.
#include "gradus/ops/custom_gradient.h"

#include <gtest/gtest.h>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"

namespace gradus {
namespace {

using Outputs = std::vector<Output>;

TEST(CustomGradientStructure, UsesTheUsersFunctionInsteadOfTheRules) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {3}, "x");
  const Output y = custom_gradient(
      {x}, [](const Outputs& in) { return Outputs{tanh(in[0])}; },
      [](const Outputs&, const Outputs&, const Outputs& dy) { return Outputs{sin(dy[0], "mine")}; })[0];
  EXPECT_EQ(gradients(y, {x})[0].node().op(), "Sin");
  EXPECT_EQ(gradients(y, {x})[0].node().gradient_rule(), "CustomGradient");
}

TEST(CustomGradientStructure, KeepsWhatTheForwardFunctionUsesBesideItsInputsConstant) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {3}, "x"), w = placeholder(graph, DType::kFloat32, {3}, "w");
  const Output y = custom_gradient(
      {x}, [&](const Outputs& in) { return Outputs{in[0] * w}; },
      [](const Outputs&, const Outputs&, const Outputs& dy) { return dy; })[0];
  const Outputs grads = gradients(y, {x, w});
  EXPECT_TRUE(grads[0].valid());
  EXPECT_FALSE(grads[1].valid());
}

TEST(CustomGradientStructure, MistakesOfTheBackwardFunctionAreNamed) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {3}, "x");
  const auto forward = [](const Outputs& in) { return Outputs{tanh(in[0])}; };
  const Output none = custom_gradient(
      {x}, forward, [](const Outputs&, const Outputs&, const Outputs&) { return Outputs{}; }, "odd")[0];
  expect_error(Code::kInvalidArgument, "one gradient per input, 1; got 0", [&] { gradients(none, {x}); });
  const Output wrong = custom_gradient({x}, forward, [](const Outputs& in, const Outputs&, const Outputs&) {
    return Outputs{scalar(in[0].graph(), 1.0, DType::kFloat32)};
  })[0];
  expect_error(Code::kInvalidArgument, "must be float32 [3] like the input", [&] { gradients(wrong, {x}); });
  expect_error(Code::kInvalidArgument, "at least one input", [&] { custom_gradient({}, forward, nullptr); });
  expect_error(Code::kInvalidArgument, "a forward and a backward function",
               [&] { custom_gradient({x}, forward, nullptr); });
}

TEST(CustomGradientStructure, WithoutTheFunctionTheErrorSaysWhy) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {3}, "x");
  // As a graph looks that was read from a file.
  const Output y = graph.add("CustomGradient", {tanh(x), x}, CustomGradientAttrs{}, "loaded");
  expect_error(Code::kUnimplemented, "a C++ function, which a saved graph cannot keep", [&] { gradients(y, {x}); });
}

}  // namespace
}  // namespace gradus
