// Optimisers name the variable that the loss does not depend on.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace gradus::nn {
namespace {

TEST(UnconnectedVariables, AreNamedByEveryOptimizerWithTheUsersLine) {
  Graph graph;
  const Output w = variable(graph, Tensor::scalar(2.0f), "w"), unused = variable(graph, Tensor::scalar(3.0f), "unused");
  const Output loss = square(w);
  const std::string variable_line =
      "[Variable 'unused' at unconnected_variables_test.cc:" + std::to_string(__LINE__ - 3);
  for (const Optimizer& optimizer : {sgd(), momentum(), rms_prop(), adam(), adamw()}) {
    const int line = __LINE__ + 1;
    const auto minimize = [&] { optimizer.minimize(loss); };
    expect_error(Code::kInvalidArgument, "the loss does not depend on the variable " + variable_line, minimize);
    expect_error(Code::kInvalidArgument, "at unconnected_variables_test.cc:" + std::to_string(line), minimize);
    expect_error(Code::kInvalidArgument, variable_line, [&] { optimizer.compute_gradients(loss, {w, unused}); });
    EXPECT_NO_THROW(optimizer.compute_gradients(loss, {w}));
  }
}

TEST(UnconnectedVariables, AGradientThatIsNoneIsNotApplied) {
  Graph graph;
  const Output w = variable(graph, Tensor::scalar(2.0f), "w"), unused = variable(graph, Tensor::scalar(3.0f), "unused");
  const std::vector<Output> grads = gradients(square(w), {w, unused});
  expect_error(Code::kInvalidArgument, "[Variable 'unused' at unconnected_variables_test.cc:", [&] {
    sgd().apply_gradients({{grads[0], w}, {grads[1], unused}});
  });
  const std::vector<Output> zeros = gradients(square(w), {w, unused}, {}, Unconnected::kZeros);
  const Operation train = sgd({.learning_rate = 0.5}).apply_gradients({{zeros[0], w}, {zeros[1], unused}});
  Session session(graph);
  session.run(train);
  EXPECT_EQ(session.value(w).item<float>(), 0.0f);  // 2 - 0.5 * 4
  EXPECT_EQ(session.value(unused).item<float>(), 3.0f);
}

TEST(UnconnectedVariables, LayersNormsAndOptimizersSayWhyAGradientIsMissing) {
  Graph graph;
  const Output w = variable(graph, Tensor::scalar(2.0f), "w"), unused = variable(graph, Tensor::scalar(3.0f), "unused");
  const Output missing = gradients(square(w), {w, unused})[1];
  for (const std::string part : {"'unused'", "kZeros"}) {
    expect_error(Code::kInvalidArgument, part, [&] { global_norm({w, missing}); });
    expect_error(Code::kInvalidArgument, part, [&] { clip_by_global_norm({w, missing}, 1); });
    expect_error(Code::kInvalidArgument, part, [&] { dense(missing, {.units = 1}); });
    expect_error(Code::kInvalidArgument, part, [&] { sgd().minimize(missing); });
    expect_error(Code::kInvalidArgument, part, [&] { sgd().apply_gradients({{missing, unused}}); });
  }
}

}  // namespace
}  // namespace gradus::nn
