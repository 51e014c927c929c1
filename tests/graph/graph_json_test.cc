#include "gradus/exchange/graph_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/pad.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/same_graph.h"

namespace gradus {
namespace {

// Stores, reads back, compares node by node, and stores again.
void expect_round_trip(const Graph& graph) {
  const std::string text = to_json(graph);
  Graph copy;
  graph_from_json(text, copy);
  expect_same_graph(graph, copy);
  EXPECT_EQ(to_json(copy), text);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// x [?,2] -> x * w + b on ref:0 -> sum, with its gradients of order 1 and 2.
void build_example(Graph& graph) {
  const Output x = placeholder(graph, DType::kFloat64, {-1, 2}, "x");
  const Output w = variable(graph, Tensor::from<double>({2}, {0.1, -0.0}), "w");
  Output y;
  {
    const NameScope scope(graph, "block");
    const DeviceScope device(graph, "ref:0");
    y = x * w + 0.5;
  }
  const Output loss = reduce_sum(y * y, {}, false, "loss");
  const Output dw = gradients(loss, {w})[0];
  const Output d2w = gradients(reduce_sum(dw * dw), {w})[0];
  const Operation step = assign_sub(w, dw, "step");
  const ControlScope after(graph, {step});
  identity(d2w, "after_step");
  graph.add_to_collection("losses", loss);
}

TEST(GraphJson, KeepsNamesDevicesControlInputsCollectionsAndGradientLinks) {
  Graph graph;
  build_example(graph);
  expect_round_trip(graph);
  Graph copy;
  graph_from_json(to_json(graph), copy);
  EXPECT_EQ(copy.find_node("block/Mul")->device(), "ref:0");
  EXPECT_EQ(copy.find_node("after_step")->control_inputs().at(0)->name(), "step");
  EXPECT_EQ(copy.collection("losses").at(0).name(), "loss");
  EXPECT_EQ(copy.collection(kTrainableVariables).at(0).name(), "w");
  EXPECT_EQ(copy.find_node("loss")->file(), "graph_json_test.cc");
  bool linked = false;
  for (int id = 0; id < copy.num_nodes(); ++id) linked = linked || copy.node(id).gradient_rule() == "Mul";
  EXPECT_TRUE(linked);
}

TEST(GraphJson, TensorsAndNumbersKeepEveryBit) {
  Graph graph;
  const double odd = std::bit_cast<double>(std::uint64_t{0x7ff800000000beef});
  constant(graph, Tensor::from<double>({5}, {0.1, -0.0, odd, std::numeric_limits<double>::infinity(), 5e-324}));
  constant(graph, Tensor::from<std::int64_t>({2}, {INT64_MIN, INT64_MAX}));
  constant(graph, Tensor::zeros(DType::kFloat16, {0, 3}));
  constant(graph, Tensor::from<double>({2}, {0.1, -1e38}).cast(DType::kBFloat16));
  constant(graph, Tensor::full(DType::kBool, {7}, 1.0));
  for (const double value : {0.1, -0.0, 1e300, odd, -std::numeric_limits<double>::infinity()}) {
    pad(placeholder(graph, DType::kFloat64, {2}), {1, 1}, PadMode::kConstant, value);
  }
  expect_round_trip(graph);
}

TEST(GraphJson, AnEmptyGraphIsAGraph) { expect_round_trip(Graph()); }

TEST(GraphJson, WhatIsWrongWithAFileIsSaid) {
  Graph graph;
  build_example(graph);
  const std::string good = to_json(graph);
  const auto expect_refused = [](Code code, const std::string& part, const std::string& text) {
    Graph copy;
    expect_error(code, part, [&] { graph_from_json(text, copy); });
    EXPECT_EQ(copy.num_nodes(), 0);
  };
  expect_refused(Code::kDataLoss, "not JSON", good.substr(0, good.size() / 2));
  expect_refused(Code::kDataLoss, "not JSON", good + "x");
  // What is no text in a file is none in the message either.
  expect_refused(Code::kDataLoss, R"(last read: '"\xff')", "{\"\xff\": 1}");
  expect_refused(Code::kDataLoss, "must be an object", "[]");
  expect_refused(Code::kDataLoss, "'format' is missing", "{}");
  expect_refused(Code::kInvalidArgument, "version 2 is not known here; this build reads version 1",
                 replaced(good, "\"version\": 1", "\"version\": 2"));
  expect_refused(Code::kDataLoss, "unknown field 'nodez'", replaced(good, "\"nodes\"", "\"nodez\""));
  expect_refused(Code::kDataLoss, "unknown field 'colour'",
                 replaced(good, "\"op\": \"Mul\"", "\"op\": \"Mul\", \"colour\": 1"));
  expect_refused(Code::kNotFound, "no op 'Mull' is registered; did you mean Mul",
                 replaced(good, "\"op\": \"Mul\"", "\"op\": \"Mull\""));
  expect_refused(Code::kInvalidArgument, "Sum has no attribute 'axis'",
                 replaced(good, "\"axes\": []", "\"axes\": [], \"axis\": 3"));
  expect_refused(Code::kDataLoss, "'keep_dims' is missing", replaced(good, "\"keep_dims\"", "\"keep\""));
  expect_refused(Code::kDataLoss, "dtype", replaced(good, "\"dtype\": \"float64\"", "\"dtype\": \"float63\""));
  expect_refused(Code::kInvalidArgument, "stored as float64 [?,3], but inferred as float64 [?,2]",
                 replaced(good, "\"shape\": [\n      -1,\n      2\n     ]", "\"shape\": [-1, 3]"));
  expect_refused(Code::kDataLoss, "does not hold the data of float64 [2]",
                 replaced(good, "\"base64\": \"", "\"base64\": \"A"));
  const std::size_t data = good.find("\"base64\": \"") + 11;
  std::string without_data = good;
  without_data.erase(data, good.find('"', data) - data);
  expect_refused(Code::kDataLoss, "'value' has 0 characters of data for float64 [2]", without_data);
}

TEST(GraphJson, HostileFilesAreErrors) {
  Graph graph;
  constant(graph, Tensor::full(DType::kBool, {3}, 1.0), "c");
  const std::string good = to_json(graph);
  const auto expect_refused = [](const std::string& part, const std::string& text) {
    Graph copy;
    expect_error(Code::kDataLoss, part, [&] { graph_from_json(text, copy); });
  };
  expect_refused("node 0 'c': 'value' holds bools other than 0 and 1", replaced(good, "AQEB", "AQUB"));
  expect_refused("not JSON", std::string(100000, '['));
  expect_refused("must be an object", std::string(100000, '[') + std::string(100000, ']'));
  // 2^62 elements: refused before memory is asked for.
  expect_refused("characters of data",
                 replaced(good, "\"shape\": [\n      3\n     ]", "\"shape\": [4611686018427387904]"));
  expect_refused("characters of data for bool [4611686018427387904,4]",
                 replaced(good, "\"shape\": [\n      3\n     ]", "\"shape\": [4611686018427387904, 4]"));
  expect_refused("characters of data for bool [?]", replaced(good, "\"shape\": [\n      3\n     ]", "\"shape\": [-1]"));
  expect_refused("at most 8", replaced(good, "\"shape\": [\n      3\n     ]", "\"shape\": [1,1,1,1,1,1,1,1,3]"));
}

TEST(GraphJson, InputsMustComeFirst) {
  const auto file = [](const std::string& nodes) {
    return R"({"format": "gradus-graph", "version": 1, "nodes": [)" + nodes + "]}";
  };
  Graph graph;
  expect_error(Code::kDataLoss, "node 0 'y': refers to node 5, which does not come before it", [&] {
    graph_from_json(file(R"({"name": "y", "op": "Identity", "inputs": [[5, 0]], "file": "", "line": 0})"), graph);
  });
  expect_error(Code::kDataLoss, "an output is a pair", [&] {
    graph_from_json(file(R"({"name": "y", "op": "Identity", "inputs": [[5]], "file": "", "line": 0})"), graph);
  });
  graph_from_json(file(""), graph);
  placeholder(graph, DType::kBool, {});
  expect_error(Code::kInvalidArgument, "needs an empty graph", [&] { graph_from_json(file(""), graph); });
}

}  // namespace
}  // namespace gradus
