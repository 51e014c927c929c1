// expect_same_graph(a, b): two graphs that agree in everything a graph holds.
#pragma once

#include <gtest/gtest.h>

#include "gradus/graph/graph.h"

namespace gradus {

inline void expect_same_graph(const Graph& a, const Graph& b) {
  ASSERT_EQ(a.num_nodes(), b.num_nodes());
  const auto id = [](const Node* node) { return node == nullptr ? -1 : node->id(); };
  for (int n = 0; n < a.num_nodes(); ++n) {
    const Node& x = a.node(n);
    const Node& y = b.node(n);
    EXPECT_EQ(x.name(), y.name());
    EXPECT_EQ(x.op(), y.op()) << x.name();
    EXPECT_TRUE(x.attrs() == y.attrs()) << x.name() << ": " << x.attrs().to_string() << " and "
                                        << y.attrs().to_string();
    EXPECT_EQ(x.device(), y.device()) << x.name();
    EXPECT_EQ(x.where(), y.where());
    EXPECT_EQ(id(x.forward_node()), id(y.forward_node())) << x.name();
    EXPECT_EQ(x.gradient_rule(), y.gradient_rule()) << x.name();
    ASSERT_EQ(x.inputs().size(), y.inputs().size()) << x.name();
    for (std::size_t i = 0; i < x.inputs().size(); ++i) {
      EXPECT_EQ(x.inputs()[i].node().id(), y.inputs()[i].node().id()) << x.name();
      EXPECT_EQ(x.inputs()[i].index(), y.inputs()[i].index()) << x.name();
    }
    ASSERT_EQ(x.control_inputs().size(), y.control_inputs().size()) << x.name();
    for (std::size_t i = 0; i < x.control_inputs().size(); ++i)
      EXPECT_EQ(id(x.control_inputs()[i]), id(y.control_inputs()[i]));
    ASSERT_EQ(x.num_outputs(), y.num_outputs()) << x.name();
    for (int i = 0; i < x.num_outputs(); ++i) {
      EXPECT_EQ(x.output_info(i).dtype, y.output_info(i).dtype) << x.name();
      EXPECT_EQ(x.output_info(i).shape, y.output_info(i).shape) << x.name();
    }
  }
  ASSERT_EQ(a.collections().size(), b.collections().size());
  for (const auto& [name, outputs] : a.collections()) {
    const std::vector<Output> other = b.collection(name);
    ASSERT_EQ(outputs.size(), other.size()) << name;
    for (std::size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs[i].name(), other[i].name()) << name;
  }
}

}  // namespace gradus
