// Derivatives of the three convolution ops over the cross product of strides, dilations, paddings, groups and formats,
// in float64 against finite differences: the whole Jacobian where it is small, random projections elsewhere; orders 1
// and 2.
#include <gtest/gtest.h>

#include "gradus/gradus.h"
#include "tests/support/conv2d_matrix.h"

namespace gradus::testing {
namespace {

// y, dx and dw of one configuration, each with respect to both of its real operands.
void check(const ConvCase& c, int order, const std::string& device) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat64, c.input, "x"),
               w = placeholder(graph, DType::kFloat64, c.filter, "w"),
               dy = placeholder(graph, DType::kFloat64, c.output, "dy");
  const std::pair<Output, std::vector<Output>> functions[] = {
      {conv2d(x, w, c.attrs), {x, w}},
      {conv2d_backprop_input(c.input.dims(), w, dy, c.attrs), {w, dy}},
      {conv2d_backprop_filter(x, c.filter.dims(), dy, c.attrs), {x, dy}},
  };
  for (const auto& [y, xs] : functions) {
    // Squared, so that the second derivatives are not all zero.
    const GradientReport report = check_gradients(
        reduce_sum(y * y), xs, {.order = order, .seed = 7, .max_runs = 400, .projections = 2, .device = device});
    EXPECT_FALSE(report.checks.empty());
    EXPECT_TRUE(report.ok()) << y.node().op() << " " << c.name << "\n" << report;
  }
}

void check_all(const std::vector<ConvCase>& cases, int order, const std::string& device = "cpu:0") {
  ASSERT_FALSE(cases.empty());
  for (const ConvCase& c : cases) check(c, order, device);
}

TEST(Conv2DGradient, FirstOrderOverTheProductWithValid) { check_all(small_conv_matrix(Padding::kValid), 1); }
TEST(Conv2DGradient, FirstOrderOverTheProductWithSame) { check_all(small_conv_matrix(Padding::kSame), 1); }
TEST(Conv2DGradient, FirstOrderOverTheProductWithExplicit) { check_all(small_conv_matrix(Padding::kExplicit), 1); }

// One case in five of the product here; all of them in the long tests.
TEST(Conv2DGradient, SecondOrder) {
  std::vector<ConvCase> cases;
  for (const Padding padding : {Padding::kValid, Padding::kSame, Padding::kExplicit}) {
    const std::vector<ConvCase> all = small_conv_matrix(padding);
    for (std::size_t i = static_cast<std::size_t>(padding); i < all.size(); i += 5) cases.push_back(all[i]);
  }
  check_all(cases, 2);
}

TEST(Conv2DGradientLong, SecondOrderOverTheProduct) {
  for (const Padding padding : {Padding::kValid, Padding::kSame, Padding::kExplicit})
    check_all(small_conv_matrix(padding), 2);
}
TEST(Conv2DGradientLong, SecondOrderOverTheProductOnTheReference) {
  for (const Padding padding : {Padding::kValid, Padding::kSame, Padding::kExplicit})
    check_all(small_conv_matrix(padding), 2, "ref:0");
}
TEST(Conv2DGradientLong, RealShapes) { check_all(special_conv_cases(), 1); }

// Every attribute reaches the gradient nodes, and the rules build nothing that nobody asked for.
TEST(Conv2DGradient, RulesPassTheWholeAttributesOn) {
  Graph graph;
  const Conv2DAttrs attrs{.strides = {1, 1, 2, 3},
                          .padding = Padding::kExplicit,
                          .explicit_paddings = {0, 0, 0, 0, 1, 2, 3, 0},
                          .use_cudnn_on_gpu = false,
                          .data_format = DataFormat::kNCHW,
                          .dilations = {1, 1, 3, 2}};
  const Output x = placeholder(graph, DType::kFloat32, {2, 4, 9, 8}),
               w = placeholder(graph, DType::kFloat32, {3, 2, 2, 6});
  const Output y = conv2d(x, w, attrs, "y");
  const std::vector<Output> first = gradients(y, {x, w});
  EXPECT_EQ(first[0].node().op(), "Conv2DBackpropInput");
  EXPECT_EQ(first[1].node().op(), "Conv2DBackpropFilter");
  EXPECT_EQ(first[0].shape(), x.shape());
  EXPECT_EQ(first[1].shape(), w.shape());
  for (const Output& g : first) {
    EXPECT_EQ(g.node().attrs(), y.node().attrs());
    EXPECT_EQ(g.node().forward_node(), &y.node());
    EXPECT_EQ(g.node().gradient_rule(), "Conv2D");
  }
  const auto count = [&](std::string_view op) {
    int nodes = 0;
    for (int i = 0; i < graph.num_nodes(); ++i) nodes += graph.node(i).op() == op ? 1 : 0;
    return nodes;
  };
  gradients(y, {w});
  EXPECT_EQ(count("Conv2DBackpropInput"), 1);
  EXPECT_EQ(count("Conv2DBackpropFilter"), 2);
}

// A planted mistake in an attribute is found: a gradient computed without the dilation differs from finite differences.
TEST(Conv2DGradient, IgnoredDilationWouldBeFound) {
  const ConvCase c = small_conv_matrix(Padding::kSame).back();
  const ConvOperands o = conv_operands(c, DType::kFloat64);
  ConvCase wrong = c;
  wrong.attrs.dilations = {1, 1, 1, 1};
  ASSERT_NE(c.attrs.dilations, wrong.attrs.dilations);
  EXPECT_GT(relative_difference(run_convolutions(wrong, o, "cpu:0").dx, naive_convolutions(c, o).dx), 0.1);
}

}  // namespace
}  // namespace gradus::testing
