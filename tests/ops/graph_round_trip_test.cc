// Every op case's graph, with its gradients of orders 1 and 2, survives JSON.
#include <gtest/gtest.h>

#include "cases/case_runner.h"
#include "gradus/autodiff/gradients.h"
#include "gradus/exchange/graph_json.h"
#include "tests/support/same_graph.h"

namespace gradus::cases {
namespace {

// Gradients of everything that has some, `order` times over.
void add_gradients(const CaseGraph& built, int order) {
  std::vector<Output> ys;
  for (const Output& y : built.outputs) {
    if (is_floating(y.dtype())) ys.push_back(y);
  }
  for (int k = 0; k < order && !ys.empty(); ++k) {
    std::vector<Output> next;
    for (const Output& dx : gradients(ys, built.reals)) {
      if (dx.valid()) next.push_back(dx);
    }
    ys = next;
  }
}

TEST(GraphRoundTrip, EveryCaseWithItsGradients) {
  for (const OpCase& op_case : all_op_cases()) {
    SCOPED_TRACE(op_case.op + "/" + op_case.name);
    const CaseGraph built(op_case, operand_values(op_case, DType::kFloat64, 1));
    add_gradients(built, order_of(op_case));
    const std::string text = to_json(built.graph);
    Graph copy;
    ASSERT_NO_THROW(graph_from_json(text, copy)) << text;
    expect_same_graph(built.graph, copy);
    EXPECT_EQ(to_json(copy), text);
  }
}

TEST(GraphRoundTrip, AGraphReadBackComputesTheSame) {
  for (const OpCase& op_case : all_op_cases()) {
    if (op_case.op != "Slice" && op_case.op != "Transpose" && op_case.op != "Gather") continue;
    SCOPED_TRACE(op_case.op + "/" + op_case.name);
    const CaseGraph built(op_case, operand_values(op_case, DType::kFloat32, 1));
    Graph copy;
    graph_from_json(to_json(built.graph), copy);
    Feeds feeds;
    for (const auto& [output, value] : built.feeds) feeds.emplace_back(copy.find_output(output.name()), value);
    const auto expected = Session(built.graph).run(built.feeds, {built.outputs[0]});
    const auto result = Session(copy).run(feeds, {copy.find_output(built.outputs[0].name())});
    EXPECT_TRUE(bit_equal(expected[0], result[0]));
  }
}

}  // namespace
}  // namespace gradus::cases
