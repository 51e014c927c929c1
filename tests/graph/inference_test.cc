// Shape functions at the line that adds a node: unknown dimensions, followed values, error texts; and the op registry.
#include <gtest/gtest.h>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/graph.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"

#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

// A registry of its own: ops that need no kernel, so that these tests hold in a build without backends.
struct RowsAttrs {
  std::int64_t extra = 0;
  template <class V>
  void visit(V& v) {
    v("extra", extra, "rows to add");
  }
};

// Joins two matrices along axis 0, plus `extra` rows.
void join_shape(ShapeContext& c) {
  c.require_rank(0, 2, "top");
  c.require_rank(1, 2, "bottom");
  c.require_same_dtype(0, 1);
  const Shape& top = c.input_shape(0);
  const Shape& bottom = c.input_shape(1);
  if (top[1] != bottom[1] && top[1] != kUnknownDim && bottom[1] != kUnknownDim) {
    c.fail("columns must agree; got " + top.to_string() + " and " + bottom.to_string());
  }
  const bool known = top[0] != kUnknownDim && bottom[0] != kUnknownDim;
  const std::int64_t rows = known ? top[0] + bottom[0] + c.attrs<RowsAttrs>().extra : kUnknownDim;
  c.set_output(0, c.input_dtype(0), {rows, top[1] != kUnknownDim ? top[1] : bottom[1]});
}

// An output of the shape that operand 0 holds.
void shaped_shape(ShapeContext& c) {
  const auto sizes = c.input_value(0);
  Shape shape = Shape::of_rank(static_cast<int>(c.input_shape(0)[0]));
  for (int i = 0; sizes && i < shape.rank(); ++i) {
    const std::int64_t size = (*sizes)[static_cast<std::size_t>(i)];
    shape.set_dim(i, size == kUnknownValue ? kUnknownDim : size);
  }
  c.set_output(0, DType::kFloat32, shape);
}

void each_shape(ShapeContext& c) {
  for (int i = 0; i < c.num_inputs(); ++i) c.set_output(i, c.input_dtype(i), c.input_shape(i));
}

void sizes_shape(ShapeContext& c) { c.set_output(0, DType::kInt32, {c.input_shape(0).rank()}); }

std::optional<IntValues> sizes_value(ShapeContext& c) {
  IntValues values;
  for (std::int64_t d : c.input_shape(0)) values.push_back(d == kUnknownDim ? kUnknownValue : d);
  return values;
}

std::optional<IntValues> wrong_value(ShapeContext&) { return IntValues{1, 2, 3, 4, 5}; }

class Inference : public testing::Test {
 protected:
  Inference() {
    register_source_ops(registry);
    add_op("Join", {"top", "bottom"}, "joined", join_shape).attrs = RowsAttrs{};
    add_op("Shaped", {"sizes"}, "y", shaped_shape);
    add_op("Sizes", {"x"}, "sizes", sizes_shape).value = sizes_value;
    add_op("WrongValue", {"x"}, "sizes", sizes_shape).value = wrong_value;
    add_op("Each", {"values..."}, "values...", each_shape);
    for (OpDef& def : defs) registry.add(def);
  }
  OpDef& add_op(const char* name, std::vector<std::string> inputs, const char* output, ShapeFn shape) {
    OpDef def;
    def.name = name;
    def.inputs = std::move(inputs);
    def.outputs = {output};
    def.shape = shape;
    return defs.emplace_back(def);
  }
  Output input(const Shape& shape, const char* name, DType dtype = DType::kFloat32) {
    return placeholder(graph, dtype, shape, name);
  }

  std::vector<OpDef> defs = std::vector<OpDef>();
  OpRegistry registry;
  Graph graph{registry};
};

TEST_F(Inference, UnknownDimensionsPassThroughAndKnownOnesFillIn) {
  const Output joined = graph.add("Join", {input({-1, 3}, "a"), input({2, -1}, "b")}, RowsAttrs{}, "");
  EXPECT_EQ(joined.shape(), (Shape{-1, 3}));
  EXPECT_EQ(graph.add("Join", {input({4, -1}, "c"), input({2, 5}, "d")}, RowsAttrs{.extra = 10}, "").shape(),
            (Shape{16, 5}));
  EXPECT_EQ(joined.dtype(), DType::kFloat32);
}

TEST_F(Inference, ErrorsNameOpNodeFileLineAndBothShapes) {
  const Output a = input({2, 3}, "a");
  const Output b = input({2, 4}, "b");
  const NameScope scope(graph, "block1");
  const int nodes = graph.num_nodes();
  const int line = __LINE__ + 3;
  const std::string where = "[Join 'block1/j' at inference_test.cc:" + std::to_string(line) + "] ";
  expect_error(Code::kInvalidArgument, where + "columns must agree; got [2,3] and [2,4]", [&] {
    graph.add("Join", {a, b}, RowsAttrs{}, "j");
  });
  EXPECT_EQ(graph.num_nodes(), nodes);  // the graph is as before
  EXPECT_EQ(graph.find_node("block1/j"), nullptr);
  EXPECT_EQ(graph.add("Join", {a, a}, RowsAttrs{}, "j").name(), "block1/j");  // and the name is still free
}

TEST_F(Inference, RequirementsOfOperandsSayWhatWasGiven) {
  const Output matrix = input({2, 3}, "m");
  expect_error(Code::kInvalidArgument, "bottom must have rank 2; got shape [3]", [&] {
    graph.add("Join", {matrix, input({3}, "v")}, RowsAttrs{}, "");
  });
  expect_error(Code::kInvalidArgument, "same dtype; got float32 [2,3] and int32 [2,3]", [&] {
    graph.add("Join", {matrix, input({2, 3}, "i", DType::kInt32)}, RowsAttrs{}, "");
  });
  expect_error(Code::kInvalidArgument, "takes 2 inputs (top, bottom); got 1",
               [&] { graph.add("Join", {matrix}, RowsAttrs{}, ""); });
  expect_error(Code::kInvalidArgument, "input 1 refers to nothing", [&] {
    graph.add("Join", {matrix, Output()}, RowsAttrs{}, "");
  });
  expect_error(Code::kInvalidArgument,
               "takes attributes of type gradus::(anonymous namespace)::RowsAttrs (extra=0); got gradus::NoAttrs", [&] {
                 graph.add("Join", {matrix, matrix}, NoAttrs{}, "");
               });
  Graph other(registry);
  const Output foreign = placeholder(other, DType::kFloat32, {2, 3}, "foreign");
  expect_error(Code::kInvalidArgument, "input 1 ('foreign') belongs to another graph", [&] {
    graph.add("Join", {matrix, foreign}, RowsAttrs{}, "");
  });
}

TEST_F(Inference, VariadicOpsTakeAnyNumberOfOperands) {
  const Output a = input({2}, "a");
  Node& each = graph.add_node("Each", {a, a, a}, {}, "each");
  EXPECT_EQ(each.num_outputs(), 3);
  EXPECT_EQ(each.output(2).name(), "each:2");
  EXPECT_EQ(graph.find_output("each:2"), each.output(2));
  expect_error(Code::kInvalidArgument, "has 3 outputs; asked for output 3", [&] { (void)each.output(3); });
  EXPECT_EQ(graph.add_node("Each", {}, {}, "none").num_outputs(), 0);
}

TEST_F(Inference, AnUnknownOpIsNotFoundWithTheNearestNames) {
  expect_error(Code::kNotFound, "no op 'join2' is registered; did you mean Join",
               [&] { graph.add("join2", {}, {}, ""); });
}

TEST_F(Inference, ValuesOfSmallIntegerTensorsAreFollowed) {
  const Output sizes = constant(graph, std::vector<std::int32_t>{2, 3});
  EXPECT_EQ(graph.known_value(sizes), (IntValues{2, 3}));
  EXPECT_EQ(graph.known_value(identity(sizes)), (IntValues{2, 3}));
  EXPECT_EQ(graph.add("Shaped", {identity(sizes)}, {}, "").shape(), (Shape{2, 3}));
  const Output longs = constant(graph, std::vector<std::int64_t>{1LL << 40});
  EXPECT_EQ(graph.known_value(longs), (IntValues{1LL << 40}));
  // Of [?,3] only the second value is known, and that much is used.
  const Output partly = graph.add("Sizes", {input({-1, 3}, "x")}, {}, "");
  EXPECT_EQ(graph.known_value(partly), (IntValues{kUnknownValue, 3}));
  EXPECT_EQ(graph.add("Shaped", {partly}, {}, "").shape(), (Shape{-1, 3}));
}

TEST_F(Inference, WhatIsNotKnownStaysUnknown) {
  const Output fed = input({2}, "fed", DType::kInt32);
  EXPECT_EQ(graph.known_value(fed), std::nullopt);
  EXPECT_EQ(graph.add("Shaped", {fed}, {}, "").shape(), (Shape{-1, -1}));
  EXPECT_EQ(graph.known_value(constant(graph, std::vector<float>{1, 2})), std::nullopt);          // not integers
  EXPECT_EQ(graph.known_value(constant(graph, std::vector<std::int32_t>(65, 1))), std::nullopt);  // too many
  EXPECT_EQ(graph.known_value(constant(graph, std::vector<std::int32_t>(64, 1))).value().size(), 64u);
  expect_error(Code::kInternal, "wrong number of values",
               [&] { (void)graph.known_value(graph.add("WrongValue", {fed}, {}, "")); });
}

TEST_F(Inference, ShapeFunctionsRunAgainWithConcreteShapes) {
  const auto lookup = [](int) { return std::optional<IntValues>(); };
  const std::vector<TensorInfo> inputs = {{DType::kFloat64, {2, 3}}, {DType::kFloat64, {4, 3}}};
  const std::vector<TensorInfo> infos = infer_shapes(registry.get("Join"), RowsAttrs{.extra = 1}, inputs, lookup);
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].shape, (Shape{7, 3}));
  EXPECT_EQ(infos[0].dtype, DType::kFloat64);
}

TEST_F(Inference, VariablesNeedAKnownShapeAndAssignmentsAVariable) {
  expect_error(Code::kInvalidArgument, "a variable needs a fully known shape; got [?]",
               [&] { variable(input({-1}, "x"), "v"); });
  const Output v = variable(graph, Tensor::zeros(DType::kFloat32, {2}), "v");
  const Output two = constant(graph, Tensor::zeros(DType::kFloat32, {2}), "two");
  EXPECT_EQ(assign(v, two).shape(), (Shape{2}));
  expect_error(Code::kInvalidArgument, "got value [3] for variable [2]",
               [&] { assign(v, constant(graph, Tensor::zeros(DType::kFloat32, {3}))); });
  expect_error(Code::kInvalidArgument, "must be a variable; got Constant 'two'", [&] { assign_add(two, two); });
  expect_error(Code::kInvalidArgument, "same dtype",
               [&] { assign(v, constant(graph, Tensor::zeros(DType::kFloat64, {2}))); });
}

TEST_F(Inference, AConstantOwnsItsValues) {
  Tensor mine = Tensor::from<std::int32_t>({1, 2});
  const Output c = constant(graph, mine);
  mine.set(0, 100);
  EXPECT_EQ(graph.known_value(c), (IntValues{1, 2}));
  expect_error(Code::kInvalidArgument, "has no value", [&] { constant(graph, Tensor()); });
}

TEST_F(Inference, RegistriesRefuseWhatCannotBeAnOp) {
  OpRegistry own;
  OpDef def = defs[0];
  own.add(def);
  expect_error(Code::kInvalidArgument, "'Join' is registered already", [&] { own.add(def); });
  def.name = "";
  expect_error(Code::kInvalidArgument, "needs a name", [&] { own.add(def); });
  def.name = "Other";
  def.shape = nullptr;
  expect_error(Code::kInvalidArgument, "shape function", [&] { own.add(def); });
  EXPECT_EQ(own.find("Other"), nullptr);
}

TEST(NearestNames, ComeFirst) {
  const std::vector<std::string> known = {"Conv2D", "Conv2DBackpropInput", "MaxPool", "Mean", "MatMul"};
  EXPECT_EQ(did_you_mean("conv2d_backprop_inputs", known).find("; did you mean Conv2DBackpropInput"), 0u);
  EXPECT_EQ(did_you_mean("matmull", known).find("; did you mean MatMul"), 0u);
  EXPECT_EQ(did_you_mean("x", {}), "");
  EXPECT_EQ(did_you_mean("unrelated", known), "");
}

// 2^40 paths lead from the sum to the constant, and 100000 nodes; following them must neither take forever nor overflow the
// stack.
TEST(KnownValues, AreFoundOncePerOutputAndNotAcrossTheWholeGraph) {
  Graph graph;
  Output n = constant(graph, std::vector<std::int32_t>{0});
  for (int i = 0; i < 40; ++i) n = n + n;
  EXPECT_EQ(graph.known_value(n), (IntValues{0}));
  const Output one = constant(graph, std::vector<std::int32_t>{1});
  for (int i = 0; i < 100; ++i) n = n + one;
  EXPECT_EQ(graph.known_value(n), (IntValues{100}));
  for (int i = 0; i < 100000; ++i) n = n + one;
  EXPECT_NE(graph.known_value(n).value_or(IntValues{0}), (IntValues{100}));
}

}  // namespace
}  // namespace gradus
