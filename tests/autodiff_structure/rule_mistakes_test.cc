// Mistakes of those who write gradient rules: each is an Error with the op, the user's line, and what there is.
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/concat.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"
#include "tests/support/expect_error.h"

namespace gradus {

struct WrongAttrs {
  template <class V>
  void visit(V&) {}
};

namespace {

// An op y = f(x) whose rule does `what` wrong.
void register_op(const std::string& name, GradientRule rule) {
  op_registry().add({.name = name, .inputs = {"x"}, .outputs = {"y"}, .shape = [](ShapeContext& c) {
                       c.set_output(0, c.input_dtype(0), c.input_shape(0));
                     }});
  gradient_registry().add(name, std::move(rule));
}

const bool mistaken_ops_registered = [] {
  register_op("MistakeSet", [](GradientContext& c) { c.set(1, c.grad()); });
  register_op("MistakeNegative", [](GradientContext& c) { c.set(-1, c.grad()); });
  register_op("MistakeNeeds", [](GradientContext& c) {
    if (c.needs(2)) c.set(0, c.grad());
  });
  register_op("MistakeGrad", [](GradientContext& c) { c.set(0, c.grad(1)); });
  register_op("MistakeZeros", [](GradientContext& c) { c.set(0, c.grad_or_zeros(3)); });
  register_op("MistakeInput", [](GradientContext& c) { c.set(0, c.grad() * c.input(1)); });
  register_op("MistakeOutput", [](GradientContext& c) { c.set(0, c.grad() * c.output(1)); });
  register_op("MistakeThrows", [](GradientContext&) { throw std::out_of_range("vector::_M_range_check"); });
  register_op("MistakeMemory", [](GradientContext&) { throw std::bad_alloc(); });
  register_op("MistakeBuilds", [](GradientContext& c) { c.set(0, concat({c.grad(), c.grad()}, 7)); });
  register_op("MistakeAttrs", [](GradientContext& c) {
    (void)c.attrs<WrongAttrs>();
    c.set(0, c.grad());
  });
  return true;
}();

class RuleMistakes : public testing::Test {
 protected:
  // The text that differentiating `op` throws; it must begin with the node.
  void expect(const char* op, Code code, const std::string& part) {
    const Output y = graph.add(op, {tanh(x)}, {}, {"mine", {"train.cc", 31}});
    expect_error(code, part, [&] { gradients(y, {x}); });
    expect_error(code, "at train.cc:31]", [&] { gradients(y, {x}); });
    expect_error(code, std::string("the gradient rule of ") + op, [&] { gradients(y, {x}); });
    // The scopes of the rule have ended.
    EXPECT_EQ(tanh(x).node().forward_node(), nullptr);
  }
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2, 3}, "x");
};

TEST_F(RuleMistakes, InputsAndOutputsThatDoNotExist) {
  const Code code = Code::kInvalidArgument;
  expect("MistakeSet", code,
         "the gradient rule of MistakeSet speaks of input 1, but the node has 1, counted from 0 (x)");
  expect("MistakeNegative", code, "speaks of input -1");
  expect("MistakeNeeds", code, "speaks of input 2");
  expect("MistakeGrad", code, "speaks of output 1, but the node has 1, counted from 0 (y)");
  expect("MistakeZeros", code, "speaks of output 3");
  expect("MistakeInput", code, "has 1 inputs; asked for input 1");
  expect("MistakeOutput", code, "has 1 outputs; asked for output 1");
}

TEST_F(RuleMistakes, WhatARuleThrows) {
  expect("MistakeThrows", Code::kInternal, "the gradient rule of MistakeThrows threw: vector::_M_range_check");
  expect("MistakeMemory", Code::kResourceExhausted, "ran out of memory");
}

TEST_F(RuleMistakes, WhatARuleBuildsWrongly) {
  expect("MistakeBuilds", Code::kInvalidArgument,
         "axis 7 is outside [-2, 2) of a tensor of rank 2 (in the gradient rule of MistakeBuilds)");
}

TEST_F(RuleMistakes, AttributesOfAnotherType) {
  expect("MistakeAttrs", Code::kInternal,
         "the node's attributes are not of type gradus::WrongAttrs, which was asked for, but gradus::NoAttrs");
}

// A rule that is empty would have counted as "has no gradient", silently.
TEST(GradientRegistryMistakes, AnEmptyRuleIsRefused) {
  const auto add = [] { gradient_registry().add("NeverRegistered", nullptr); };
  expect_error(Code::kInvalidArgument,
               "add 'NeverRegistered' at rule_mistakes_test.cc:" + std::to_string(__LINE__ - 2) + "] the rule is empty",
               add);
  EXPECT_EQ(gradient_registry().none_reason("NeverRegistered"), nullptr);
  expect_error(Code::kInvalidArgument, "needs the name of its op",
               [] { gradient_registry().add("", [](GradientContext&) {}); });
}

// Nor is one that sets nothing a missing path through the model.
TEST(GradientRegistryMistakes, ARuleThatSetsNothingIsNamed) {
  if (op_registry().find("SetsNothing") == nullptr) {
    op_registry().add({.name = "SetsNothing", .inputs = {"x"}, .outputs = {"y"}, .shape = [](ShapeContext& c) {
                         c.set_output(0, c.input_dtype(0), c.input_shape(0));
                       }});
    gradient_registry().add("SetsNothing", [](GradientContext&) {});
  }
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const Output y = graph.add("SetsNothing", {x}, {}, "y");
  EXPECT_NE(
      gradients(y, {x}).at(0).absence().find("The gradient rule of SetsNothing set no gradient for any operand of "
                                             "[SetsNothing 'y' at rule_mistakes_test.cc:"),
      std::string::npos);
}

TEST(GradientRegistryMistakes, ASecondRuleNamesTheFirst) {
  GradientRegistry registry;
  registry.add("Mine", [](GradientContext&) {});
  const std::string line = std::to_string(__LINE__ - 1);
  expect_error(Code::kInvalidArgument, "already, registered at rule_mistakes_test.cc:" + line,
               [&] { registry.add_none("Mine", "for no reason"); });
  expect_error(Code::kInvalidArgument, "[gradient_registry().add 'Mine' at rule_mistakes_test.cc:", [&] {
    registry.add("Mine", [](GradientContext&) {});
  });
}

}  // namespace
}  // namespace gradus
