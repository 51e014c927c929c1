#include "gradus/exchange/graph_dot.h"

#include <gtest/gtest.h>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
std::string id_of(const Graph& graph, const std::string& name) {
  return "n" + std::to_string(graph.find_node(name)->id());
}

class GraphDot : public ::testing::Test {
 protected:
  GraphDot() {
    const Output x = placeholder(graph, DType::kFloat32, {-1, 3}, "x");
    const Output loss = reduce_sum(x * x, {}, false, "loss");
    dx = gradients(loss, {x})[0];
  }
  Graph graph;
  Output dx;
};

TEST_F(GraphDot, ForwardAndGradientNodesStandInTwoBoxes) {
  const std::string dot = to_dot(graph);
  const std::size_t forward = dot.find("label=\"forward\""), gradient = dot.find("label=\"gradients\"");
  ASSERT_NE(forward, std::string::npos);
  ASSERT_NE(gradient, std::string::npos);
  const std::size_t loss = dot.find(id_of(graph, "loss") + " [label="),
                    d = dot.find("n" + std::to_string(dx.node().id()) + " [label=");
  EXPECT_TRUE(forward < loss && loss < gradient && gradient < d) << dot;
  EXPECT_TRUE(contains(dot, "label=\"x\\nPlaceholder\\nfloat32 [?,3]\"")) << dot;
}

TEST_F(GraphDot, DashedLinesTieGradientNodesToTheirForwardNode) {
  const std::string line = "n" + std::to_string(dx.node().id()) + " -> n" +
                           std::to_string(dx.node().forward_node()->id()) + " [style=dashed";
  EXPECT_TRUE(contains(to_dot(graph), line));
  EXPECT_FALSE(contains(to_dot(graph, {.forward_links = false}), "dashed"));
}

TEST_F(GraphDot, EdgesControlDependenciesAndOptions) {
  const ControlScope after(graph, {Operation(dx)});
  identity(dx, "quote\"and\\backslash");
  const std::string dot = to_dot(graph);
  EXPECT_TRUE(contains(dot, id_of(graph, "x") + " -> " + id_of(graph, "Mul") + " [")) << dot;
  EXPECT_TRUE(contains(dot, "style=dotted")) << dot;
  EXPECT_TRUE(contains(dot, "quote\\\"and\\\\backslash")) << dot;
  EXPECT_FALSE(contains(to_dot(graph, {.shapes = false}), "float32 [?,3]"));
}

TEST_F(GraphDot, SmallConstantsShowTheirNumbers) {
  constant(graph, Tensor::from<std::int64_t>({INT64_MAX, -1}));
  constant(graph, Tensor::full(DType::kBool, {}, 1.0));
  const std::string dot = to_dot(graph);
  EXPECT_TRUE(contains(dot, "label=\"[9223372036854775807, -1]\"")) << dot;
  EXPECT_TRUE(contains(dot, "label=\"true\"")) << dot;
}

TEST_F(GraphDot, HigherOrdersGetTheirOwnBox) {
  gradients(reduce_sum(dx), {graph.find_output("x")});
  EXPECT_TRUE(contains(to_dot(graph), "gradients of order 2"));
}

TEST(GraphDotEmpty, AnEmptyGraphIsAPicture) { EXPECT_TRUE(contains(to_dot(Graph()), "digraph gradus")); }

}  // namespace
}  // namespace gradus
