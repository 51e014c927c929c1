// Mistakes of those who write ops of their own: each is an Error with the op, the line and the cure.
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "gradus/graph/graph.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

#include "gradus/ops/register_all.h"

namespace gradus {

struct GateAttrs {
  double beta = 1.0;
  template <class V>
  void visit(V& v) {
    v("beta", beta, "steepness");
  }
};
struct ForeignAttrs {
  std::int64_t count = 3;
  template <class V>
  void visit(V& v) {
    v("count", count, "");
  }
};

namespace {

void first_shape(ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(0)); }

// "[Gate 'gate' at custom_op_mistakes_test.cc:31] "
std::string where(const char* op, int line) {
  return std::string("[") + op + " 'mine' at custom_op_mistakes_test.cc:" + std::to_string(line) + "] ";
}

class CustomOpMistakes : public testing::Test {
 protected:
  CustomOpMistakes() {
    register_source_ops(registry);
    x = placeholder(graph, DType::kFloat32, {2, 3}, "x");
  }
  // Adds the op "Gate" to the registry as `def` says.
  void define(OpDef def) {
    def.name = "Gate";
    if (def.inputs.empty()) def.inputs = {"x"};
    if (def.outputs.empty()) def.outputs = {"y"};
    registry.add(std::move(def));
  }
  OpRegistry registry;
  Graph graph{registry};
  Output x;
};

TEST_F(CustomOpMistakes, ForeignAttributesAreRefusedWithTheTypeThatTheOpWants) {
  define({.shape = first_shape, .attrs = GateAttrs{}});
  const auto foreign = [&] { graph.add("Gate", {x}, ForeignAttrs{}, "mine"); };
  expect_error(Code::kInvalidArgument,
               where("Gate", __LINE__ - 2) +
                   "takes attributes of type gradus::GateAttrs (beta=1); got gradus::ForeignAttrs (count=3); "
                   "gradus::GateAttrs{} has the defaults",
               foreign);
  expect_error(Code::kInvalidArgument, "GateAttrs (beta=1); got gradus::NoAttrs",
               [&] { graph.add("Gate", {x}, {}, "mine"); });
  EXPECT_EQ(graph.find_node("mine"), nullptr);
  EXPECT_EQ(graph.add("Gate", {x}, GateAttrs{.beta = 2}, "mine").shape(), (Shape{2, 3}));
  // Also of built-in ops, which looked at no attributes and took any.
  expect_error(Code::kInvalidArgument, "takes no attributes: write {}; got gradus::ForeignAttrs (count=3)",
               [&] { graph.add("Identity", {x}, ForeignAttrs{}, "mine"); });
}

TEST_F(CustomOpMistakes, AShapeFunctionThatAsksForAnotherStructNamesBoth) {
  define({.shape = [](ShapeContext& c) { (void)c.attrs<ForeignAttrs>(); }, .attrs = GateAttrs{}});
  const auto add = [&] { graph.add("Gate", {x}, GateAttrs{}, "mine"); };
  expect_error(Code::kInternal,
               where("Gate", __LINE__ - 2) +
                   "the node's attributes are not of type gradus::ForeignAttrs, which was asked "
                   "for, but gradus::GateAttrs: beta=1",
               add);
}

TEST_F(CustomOpMistakes, WhateverAShapeFunctionThrowsNamesTheNode) {
  define({.shape = [](ShapeContext&) { throw std::out_of_range("vector::_M_range_check"); }});
  const auto add = [&] { graph.add("Gate", {x}, {}, "mine"); };
  expect_error(Code::kInternal,
               where("Gate", __LINE__ - 2) + "the shape function of Gate threw: vector::_M_range_check", add);
  EXPECT_EQ(graph.find_node("mine"), nullptr);
}

TEST_F(CustomOpMistakes, AShapeFunctionWithoutMemorySaysSo) {
  define({.shape = [](ShapeContext&) { throw std::bad_alloc(); }});
  expect_error(Code::kResourceExhausted, "the shape function of Gate ran out of memory",
               [&] { graph.add("Gate", {x}, {}, "mine"); });
}

TEST_F(CustomOpMistakes, AnInputThatIsNotThereIsNamed) {
  define({.shape = [](ShapeContext& c) { c.set_output(0, c.input_dtype(0), c.input_shape(1)); }});
  const auto add = [&] { graph.add("Gate", {x}, {}, "mine"); };
  expect_error(Code::kInvalidArgument,
               where("Gate", __LINE__ - 2) + "the shape function asks for input 1; there is 1, counted from 0", add);
}

TEST_F(CustomOpMistakes, OutputsThatStayUnsetAreCounted) {
  define({.outputs = {"y", "mask"}, .shape = first_shape});
  const auto add = [&] { graph.add("Gate", {x}, {}, "mine"); };
  expect_error(Code::kInvalidArgument,
               where("Gate", __LINE__ - 2) +
                   "the shape function of Gate set 1 of 2 outputs (y, mask); it must call "
                   "set_output(i, dtype, shape) for each",
               add);
}

TEST_F(CustomOpMistakes, OutputsThatAreNotDeclaredAreCounted) {
  define({.shape = [](ShapeContext& c) {
    for (int i : {0, 1}) c.set_output(i, c.input_dtype(0), {});
  }});
  expect_error(Code::kInvalidArgument, "set 2 of 1 outputs (y)", [&] { graph.add("Gate", {x}, {}, "mine"); });
}

TEST_F(CustomOpMistakes, OutputsAreSetInOrder) {
  define({.outputs = {"y", "mask"}, .shape = [](ShapeContext& c) { c.set_output(1, c.input_dtype(0), {}); }});
  expect_error(Code::kInternal, "calls set_output(1): outputs are set in order, each once; the next is 0",
               [&] { graph.add("Gate", {x}, {}, "mine"); });
}

TEST_F(CustomOpMistakes, ANumberThatNamesNoDTypeIsRefused) {
  define({.shape = [](ShapeContext& c) { c.set_output(0, static_cast<DType>(42), {}); }});
  expect_error(Code::kInvalidArgument, "there is no dtype number 42", [&] { graph.add("Gate", {x}, {}, "mine"); });
}

TEST_F(CustomOpMistakes, AValueFunctionThatThrowsIsNamed) {
  define({.shape = [](ShapeContext& c) { c.set_output(0, DType::kInt32, {2}); },
          .value = [](ShapeContext&) -> std::optional<IntValues> { throw std::runtime_error("lost"); }});
  const Output y = graph.add("Gate", {x}, {}, "mine");
  expect_error(Code::kInternal, "the value function of Gate threw: lost", [&] { (void)graph.known_value(y); });
}

TEST_F(CustomOpMistakes, AnUnknownOpHasSuggestions) {
  define({.shape = first_shape});
  const auto add = [&] { graph.add("Gates", {x}, {}, "mine"); };
  expect_error(Code::kNotFound, where("Gates", __LINE__ - 1) + "no op 'Gates' is registered; did you mean Gate?", add);
}

TEST_F(CustomOpMistakes, ASecondDefinitionNamesTheFirst) {
  registry.add({.name = "Gate", .inputs = {"x"}, .outputs = {"y"}, .shape = first_shape});
  const int line = __LINE__ - 1;
  const auto again = [&] { registry.add({.name = "Gate", .inputs = {"x"}, .outputs = {"y"}, .shape = first_shape}); };
  expect_error(Code::kInvalidArgument,
               "[op_registry().add 'Gate' at custom_op_mistakes_test.cc:" + std::to_string(line + 2) +
                   "] op 'Gate' is registered already, at custom_op_mistakes_test.cc:" + std::to_string(line),
               again);
}

TEST_F(CustomOpMistakes, NamesThatCannotBeAreRefused) {
  const auto refused = [&](const std::string& text, OpDef def) {
    if (def.name.empty()) def.name = "Odd";
    def.shape = first_shape;
    expect_error(Code::kInvalidArgument, text, [&] { registry.add(std::move(def)); });
  };
  refused("neither blanks nor '/'", {.name = "A 1", .inputs = {"x"}, .outputs = {"y"}});
  refused("neither blanks nor '/'", {.name = "A/1", .inputs = {"x"}, .outputs = {"y"}});
  refused("operand 1 has no name", {.inputs = {"x", ""}, .outputs = {"y"}});
  refused("two operands are named 'x'", {.inputs = {"x", "x"}, .outputs = {"y"}});
  refused("two outputs are named 'y'", {.inputs = {"x"}, .outputs = {"y", "y"}});
  refused("operand 0 (x...) stands for any number, so it must be the last",
          {.inputs = {"x...", "z"}, .outputs = {"y"}});
  EXPECT_EQ(registry.find("Odd"), nullptr);
}

TEST_F(CustomOpMistakes, HostOperandsHaveNoMemoryToChangeOrTakeOver) {
  const auto refused = [&](const std::string& text, OpDef def) {
    def.name = "Odd";
    def.shape = first_shape;
    def.outputs = {"y"};
    def.host_operands = {0};
    expect_error(Code::kInvalidArgument, text, [&] { registry.add(std::move(def)); });
  };
  refused("operand 0 (x) is among host_operands, which have no memory, and among inplace_inputs",
          {.inputs = {"x"}, .inplace_inputs = {0}});
  refused("and among the variables that the op changes",
          {.inputs = {"x"}, .effect = Effect::kMutates, .mutable_inputs = 1});
  define({.inputs = {"x", "size"}, .shape = first_shape, .host_operands = {1}});
  const auto add = [&] { graph.add("Gate", {x, x}, {}, "mine"); };
  expect_error(
      Code::kInvalidArgument,
      where("Gate", __LINE__ - 3) +
          "operand 1 (size) is read on the host (OpDef::host_operands) and must be int32 or int64; got float32",
      add);
}

TEST_F(CustomOpMistakes, AConstantNeedsItsValue) {
  expect_error(Code::kInvalidArgument, "a constant (OpKind::kConstant) has its value in ConstantAttrs", [&] {
    registry.add({.name = "Odd", .outputs = {"y"}, .shape = first_shape, .kind = OpKind::kConstant});
  });
}

// What would have been undefined behaviour when such an op is used.
TEST_F(CustomOpMistakes, DefinitionsThatSpeakOfMissingOperandsAreRefused) {
  const auto refused = [&](const std::string& text, OpDef def) {
    def.name = "Odd";
    def.shape = first_shape;
    expect_error(Code::kInvalidArgument, text, [&] { registry.add(def); });
    EXPECT_EQ(registry.find("Odd"), nullptr);
  };
  refused("the first 2 operands are variables; the op has 1 (x)",
          {.inputs = {"x"}, .outputs = {"y"}, .effect = Effect::kMutates, .mutable_inputs = 2});
  refused("the first 1 operands are variables; the op has 0", {.outputs = {"y"}, .effect = Effect::kMutates});
  refused("inplace_inputs names operand 1", {.inputs = {"x"}, .outputs = {"y"}, .inplace_inputs = {1}});
  refused("inplace_inputs names operand -1", {.inputs = {"x"}, .outputs = {"y"}, .inplace_inputs = {-1}});
  refused("1 operands (x) and 0 outputs", {.inputs = {"x"}, .inplace_inputs = {0}});
  refused("kernel_dtype is 1", {.inputs = {"x"}, .outputs = {"y"}, .kernel_dtype = 1});
  refused("kernel_dtype is 0", {.outputs = {"y"}});
  refused("kernel_dtype is -1", {.inputs = {"x"}, .kernel_dtype = kDTypeOfOutput});
  refused("a view (OpKind::kView) needs an operand", {.outputs = {"y"}, .kind = OpKind::kView});
}

TEST_F(CustomOpMistakes, NodesAndInputsThatAreNotThereAreRefused) {
  const Output y = identity(x, "y");
  expect_error(Code::kInvalidArgument, "the graph has 2 nodes, counted from 0; asked for node 2",
               [&] { (void)graph.node(2); });
  expect_error(Code::kInvalidArgument, "asked for node -1", [&] { (void)graph.node(-1); });
  expect_error(Code::kInvalidArgument, "'y' at custom_op_mistakes_test.cc:", [&] { (void)y.node().input(1); });
  expect_error(Code::kInvalidArgument, "has 1 inputs; asked for input 1", [&] { (void)y.node().input(1); });
}

TEST_F(CustomOpMistakes, BuildersByAddOpNameTheirOpAndTheUsersLine) {
  // As docs/adding_an_op.md writes builders.
  const auto gate = [](const Output& input, std::string_view name = "",
                       SourceLocation location = SourceLocation::current()) {
    return add_op("Gate", {input}, GateAttrs{}, name, location);
  };
  define({.shape = first_shape, .attrs = GateAttrs{}});
  EXPECT_EQ(gate(x, "mine").name(), "mine");
  const auto wrong = [&] { gate(Output(), "mine", {"train.cc", 31}); };
  expect_error(Code::kInvalidArgument, "[Gate 'mine' at train.cc:31] input 0 refers to nothing", wrong);
  expect_error(Code::kInvalidArgument, "it is a default-made Output; give it the result of a builder function", wrong);
}

}  // namespace
}  // namespace gradus
