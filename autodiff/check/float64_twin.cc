#include "gradus/autodiff/check/float64_twin.h"

#include <map>

#include "gradus/graph/recompute_scope.h"
#include "gradus/ops/source_ops.h"

namespace gradus {
namespace {

class Float64Writer final : public AttrVisitor {
 public:
  void field(const AttrField&, AttrRef value) override {
    if (DType** const dtype = std::get_if<DType*>(&value); dtype != nullptr && is_floating(**dtype))
      **dtype = DType::kFloat64;
    if (Tensor** const tensor = std::get_if<Tensor*>(&value); tensor != nullptr && (*tensor)->defined())
      if (is_floating((*tensor)->dtype())) **tensor = (*tensor)->cast(DType::kFloat64);
  }
};

// The name decides what a random op draws.
At at_of(const Node& node) { return {node.name(), {node.file().c_str(), node.line()}}; }

}  // namespace

Float64Twin::Float64Twin(const std::vector<Output>& roots, const std::unordered_set<Output>& cuts,
                         const std::string& device)
    : Float64Twin(roots.at(0).graph().ops()) {
  for (const Output& o : cuts) {
    const DType dtype = is_floating(o.dtype()) ? DType::kFloat64 : o.dtype();
    copies_[o] = placeholder(*graph_, dtype, o.shape(), at_of(o.node()));
  }
  for (Node* node : nodes_needed(roots, cuts)) {
    std::vector<Output> inputs;
    for (const Output& input : node->inputs()) inputs.push_back(of(input));
    Node& twin = copy(*node, std::move(inputs), device);
    for (int i = 0; i < node->num_outputs(); ++i) copies_.try_emplace(node->output(i), twin.output(i));
  }
}

Node& Float64Twin::copy(const Node& node, std::vector<Output> inputs, const std::string& device) {
  Float64Writer writer;
  const DeviceScope on(*graph_, device.empty() ? node.device() : device);
  return graph_->add_node(node.op(), std::move(inputs), node.attrs().edited(writer), at_of(node));
}

Output Float64Twin::of(const Output& original) const {
  const auto found = copies_.find(gradus::original(original));
  if (found == copies_.end()) throw not_found("'" + original.name() + "' is not part of the copied graph");
  return found->second;
}

std::vector<Node*> nodes_needed(const std::vector<Output>& outputs, const std::unordered_set<Output>& cuts) {
  std::map<int, Node*> needed;  // by id: inputs come before their node
  for (std::vector<Output> open = outputs; !open.empty();) {
    const Output output = original(open.back());  // the twin computes nothing again
    open.pop_back();
    if (cuts.contains(output) || !needed.emplace(output.node().id(), &output.node()).second) continue;
    open.insert(open.end(), output.node().inputs().begin(), output.node().inputs().end());
  }
  std::vector<Node*> nodes;
  for (const auto& [id, node] : needed) nodes.push_back(node);
  return nodes;
}

std::unordered_set<Output> fed_outputs(const Feeds& feeds) {
  std::unordered_set<Output> outputs;
  for (const auto& [output, value] : feeds) outputs.insert(output);
  return outputs;
}

std::vector<Tensor> run_again(Session& session, const Feeds& feeds, const std::vector<Output>& fetches) {
  session.set_run_number(1);
  return session.run(feeds, fetches);
}

}  // namespace gradus
