// The last argument of builders (core/at.h): the name, and the line of the call, whichever way it is made.
#include "gradus/core/at.h"

#include <gtest/gtest.h>

#include <string>

#include "gradus/graph/graph.h"
#include "gradus/ops/source_ops.h"
#include "gradus/ops/unary.h"

namespace gradus {
namespace {

Output twice(const Output& x, At at = {}) { return relu(relu(x, at.location), at); }
Output scaled(const Output& x, double factor, At at = {}) { return elu(x, factor, at); }
Output scaled(const Output& x, At at = {}) { return scaled(x, 2.0, at); }

class AtTest : public ::testing::Test {
 protected:
  Graph graph;
  Output x = placeholder(graph, DType::kFloat32, {2});
};

TEST_F(AtTest, TakesTheLineOfTheCallWithAndWithoutAName) {
  const int line = __LINE__;
  const Output a = relu(x), b = relu(x, "b"), c = relu(x, std::string("c") + "1"), d = relu(x, {});
  for (const Output& y : {a, b, c, d}) {
    EXPECT_EQ(y.node().line(), line + 1) << y.name();
    EXPECT_EQ(y.node().file(), "at_test.cc");
  }
  EXPECT_EQ(a.name(), "Relu");
  EXPECT_EQ(b.name(), "b");
  EXPECT_EQ(c.name(), "c1");
  EXPECT_EQ(d.name(), "Relu_1");
}

TEST_F(AtTest, IsPassedOnByBuildersOfBuilders) {
  const int line = __LINE__;
  const Output a = twice(x, "a"), b = scaled(x), c = scaled(x, "c"), d = scaled(x, 3.0, "d");
  for (const Output& y : {a, a.node().input(0), b, c, d}) EXPECT_EQ(y.node().line(), line + 1) << y.name();
  EXPECT_EQ(a.node().input(0).name(), "Relu");
  EXPECT_EQ(b.name(), "Elu");
  EXPECT_EQ(c.name(), "c");
  EXPECT_EQ(d.name(), "d");
}

TEST_F(AtTest, MayNameAnyPlace) {
  const Output y = relu(x, {"y", {"/home/me/train.cc", 31}});
  EXPECT_EQ(y.node().where(), "[Relu 'y' at train.cc:31]");
  EXPECT_EQ(relu(x, SourceLocation{"model.cc", 7}).node().where(), "[Relu 'Relu' at model.cc:7]");
}

TEST_F(AtTest, IsTwoArgumentsForOwnBuildersThatTakeThemApart) {
  EXPECT_EQ(add_op("Relu", {x}, {}, "y", {"train.cc", 31}).node().where(), "[Relu 'y' at train.cc:31]");
  EXPECT_EQ(graph.add("Relu", {x}, {}, "z", {"train.cc", 32}).node().where(), "[Relu 'z' at train.cc:32]");
}

}  // namespace
}  // namespace gradus
