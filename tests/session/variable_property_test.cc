// Random graphs of reads, assignments, views and control dependencies, run by sessions and by an interpreter that goes through the
// nodes in the order in which they were built and copies every value. Both must agree to the bit.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/support/fused_kernels.h"

namespace gradus {
namespace {

using Values = std::vector<double>;
constexpr std::int64_t kSize = 3;

Tensor tensor_of(const Values& values) { return Tensor::from(values); }
Values values_of(const Tensor& tensor) {
  Values values;
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) values.push_back(tensor.at(i));
  return values;
}

// What one run is asked for.
struct Call {
  std::vector<std::pair<Output, Values>> feeds;
  std::vector<Output> fetches;
  std::vector<Operation> targets;
};

// The rule of docs/sessions.md, word by word.
class CopyingInterpreter {
 public:
  explicit CopyingInterpreter(const Graph& graph) : graph_(graph) {
    for (int i = 0; i < graph.num_nodes(); ++i) {
      const Node& node = graph.node(i);
      if (node.def().kind == OpKind::kVariable)
        state_[&node] = values_of(node.input(0).node().attrs_as<ConstantAttrs>().value);
    }
  }

  std::vector<Values> run(const Call& call) {
    fed_.clear();
    for (const auto& [output, values] : call.feeds) fed_[&output.node()] = values;
    needed_.clear();
    for (const Output& fetch : call.fetches) need(fetch);
    for (const Operation& target : call.targets) need(target.node());
    results_.clear();
    assignments_.clear();
    before_ = state_;
    for (int i = 0; i < graph_.num_nodes(); ++i) {
      if (needed_.contains(&graph_.node(i))) compute(graph_.node(i));
    }
    std::vector<Values> fetched;
    for (const Output& fetch : call.fetches) fetched.push_back(read(fetch, nullptr));
    return fetched;
  }

  const std::map<const Node*, Values>& state() const { return state_; }

 private:
  void need(const Output& output) {
    if (!fed_.contains(&output.node())) need(output.node());
  }
  void need(const Node& node) {
    if (!needed_.insert(&node).second) return;
    if (node.def().kind != OpKind::kVariable) {
      for (const Output& input : node.inputs()) need(input);
    }
    for (Node* control : node.control_inputs()) {
      if (!fed_.contains(control)) need(*control);
    }
  }

  // Adds what a node's control dependencies need, directly or through other nodes.
  void collect(const Node& node, std::set<const Node*>& seen) const {
    if (fed_.contains(&node) || !seen.insert(&node).second) return;
    if (node.def().kind != OpKind::kVariable) {
      for (const Output& input : node.inputs()) collect(input.node(), seen);
    }
    for (const Node* control : node.control_inputs()) collect(*control, seen);
  }

  Values read(const Output& operand, const Node* reader) const {
    const Node& node = operand.node();
    if (const auto fed = fed_.find(&node); fed != fed_.end()) return fed->second;
    if (node.def().kind != OpKind::kVariable) return results_.at(&node);
    Values value = before_.at(&node);
    if (reader == nullptr) return value;
    std::set<const Node*> waited_for;
    for (const Node* control : reader->control_inputs()) collect(*control, waited_for);
    for (const auto& [writer, variable, made] : assignments_) {  // in the order in which they were built
      if (variable == &node && waited_for.contains(writer)) value = made;
    }
    return value;
  }

  void set(const Node& writer, int i, const Values& value) {
    const Node* variable = &writer.input(i).node();
    state_[variable] = value;
    assignments_.push_back({&writer, variable, value});
  }

  void compute(const Node& node) {
    const std::string& op = node.op();
    const auto operand = [&](int i) { return read(node.input(i), &node); };
    Values& y = results_[&node];
    if (op == "Constant") {
      y = values_of(node.attrs_as<ConstantAttrs>().value);
    } else if (op == "Identity" || op == "StopGradient" || op == "Reshape" || op == "CheckNumerics") {
      y = operand(0);
    } else if (op == "Add" || op == "Sub") {
      y = operand(0);
      const Values other = operand(1);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += op == "Add" ? other[i] : -other[i];
    } else if (op == "Neg") {
      y = operand(0);
      for (double& value : y) value = -value;
    } else if (op == "Assign" || op == "AssignAdd" || op == "AssignSub") {
      const Values change = operand(1);
      y = state_.at(&node.input(0).node());
      for (std::size_t i = 0; i < y.size(); ++i)
        y[i] = op == "Assign" ? change[i] : op == "AssignAdd" ? y[i] + change[i] : y[i] - change[i];
      set(node, 0, y);
    } else if (op == "ApplyMomentum") {  // learning rate 1, momentum 1
      const Values grad = operand(3);
      y = state_.at(&node.input(0).node());
      Values accum = state_.at(&node.input(1).node());
      for (std::size_t i = 0; i < y.size(); ++i) y[i] -= accum[i] += grad[i];
      set(node, 0, y);
      set(node, 1, accum);
    } else {
      ASSERT_TRUE(op == "NoOp" || op == "Variable") << op;
    }
  }

  struct Assignment {
    const Node *writer, *variable;
    Values value;
  };
  const Graph& graph_;
  std::map<const Node*, Values> state_, before_, fed_, results_;
  std::set<const Node*> needed_;
  std::vector<Assignment> assignments_;
};

class RandomGraph {
 public:
  explicit RandomGraph(unsigned seed) : random_(seed) {
    const int variables = pick(1, 3);
    for (int i = 0; i < variables; ++i) {
      const DeviceScope on(graph, device());
      variables_.push_back(variable(graph, tensor_of(some_values())));
    }
    one_ = scalar(graph, 1.0, DType::kFloat64);
    const int nodes = pick(3, 16);
    for (int i = 0; i < nodes; ++i) add_node();
  }

  Call call() {
    Call call;
    if (pick(0, 3) == 0) {
      const Output fed = outputs_[at(pick(0, static_cast<int>(outputs_.size()) - 1))];
      if (fed.node().def().effect != Effect::kMutates) call.feeds.emplace_back(fed, some_values());
    }
    for (int i = pick(1, 5); i > 0; --i) call.fetches.push_back(any());
    for (int i = pick(0, 2); i > 0; --i)
      call.targets.push_back(operations_[at(pick(0, static_cast<int>(operations_.size()) - 1))]);
    return call;
  }

  Graph graph;

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  Values some_values() {
    Values values;
    for (std::int64_t i = 0; i < kSize; ++i) values.push_back(pick(-9, 9));
    return values;
  }
  std::string device() { return mixed_ ? (pick(0, 1) == 0 ? "cpu:0" : "ref:0") : ""; }
  Output some_variable() { return variables_[at(pick(0, static_cast<int>(variables_.size()) - 1))]; }
  // Any output, variables often.
  Output any() {
    if (outputs_.empty() || pick(0, 2) == 0) return some_variable();
    return outputs_[at(pick(0, static_cast<int>(outputs_.size()) - 1))];
  }

  void add_node() {
    std::vector<Operation> controls;
    if (!operations_.empty() && pick(0, 1) == 0) {
      for (int i = pick(1, 2); i > 0; --i)
        controls.push_back(operations_[at(pick(0, static_cast<int>(operations_.size()) - 1))]);
    }
    const ControlScope after(graph, controls);
    const DeviceScope on(graph, device());
    switch (pick(0, 13)) {
      case 0: return keep(identity(any()));
      case 1: return keep(stop_gradient(any()));
      case 2: return keep(reshape(reshape(any(), {kSize, 1}), {kSize}));
      case 3: return keep(-any());
      case 4: return keep(any() - any());
      case 5:
      case 6: return keep(any() + any());
      case 7:
      case 8: return keep(assign(some_variable(), any()));
      case 9: return keep(assign_add(some_variable(), any()));
      case 10: return keep(assign_sub(some_variable(), any()));
      case 11: {
        const Output w = some_variable(), slot = some_variable();
        // Both on one device, and different.
        if (w == slot || w.node().device() != slot.node().device()) return keep(assign_add(w, any()));
        return keep(apply_momentum(w, slot, one_, any(), one_));
      }
      case 12: return keep(constant(graph, tensor_of(some_values())));
      default: {
        const Operation all = pick(0, 1) == 0 ? no_op(graph) : group({any(), any()});
        operations_.push_back(all);
        return;
      }
    }
  }

  void keep(const Output& output) {
    outputs_.push_back(output);
    operations_.push_back(output);
  }

  std::mt19937 random_;
  bool mixed_ = std::uniform_int_distribution<int>(0, 3)(random_) == 0;
  std::vector<Output> variables_, outputs_;
  std::vector<Operation> operations_;
  Output one_;
};

void compare(unsigned seed) {
  RandomGraph random(seed);
  const std::vector<Call> calls = {random.call(), random.call()};
  register_fusing_device();
  for (const char* device : {"cpu:0", "ref:0", "fusing:0"}) {
    for (const bool optimize : {true, false}) {
      SCOPED_TRACE("graph " + std::to_string(seed) + " on " + device + (optimize ? "" : ", not optimised"));
      CopyingInterpreter interpreter(random.graph);
      Session session(random.graph,
                      {.device = device, .num_threads = 1, .optimize = optimize, .poison_outputs = seed % 5 == 0});
      for (const Call& call : calls) {
        Feeds feeds;
        for (const auto& [output, values] : call.feeds) feeds.emplace_back(output, tensor_of(values));
        bool refused = false;  // a variable that is fed cannot be assigned to
        std::vector<Tensor> got;
        try {
          got = session.run(feeds, call.fetches, call.targets);
        } catch (const Error& error) {
          refused = std::string(error.what()).find("which this run feeds") != std::string::npos;
          ASSERT_TRUE(refused) << error.what();
        }
        if (refused) continue;
        const std::vector<Values> expected = interpreter.run(call);
        for (std::size_t i = 0; i < got.size(); ++i)
          ASSERT_EQ(values_of(got[i]), expected[i]) << "fetch " << i << " '" << call.fetches[i].name() << "'";
        for (const auto& [variable, value] : interpreter.state())
          ASSERT_EQ(values_of(session.value(const_cast<Node*>(variable)->output(0))), value) << variable->name();
      }
    }
  }
}

TEST(VariableProperties, SessionsAgreeWithAnInterpreterThatCopies) {
  for (unsigned seed = 0; seed < 2000 && !HasFatalFailure(); ++seed) compare(seed);
}

TEST(VariableProperties, LongSessionsAgreeWithAnInterpreterThatCopies) {
  for (unsigned seed = 2000; seed < 24000 && !HasFatalFailure(); ++seed) compare(seed);
}

}  // namespace
}  // namespace gradus
