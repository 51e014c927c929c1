#include "gradus/autodiff/check/float64_twin.h"

#include <set>
#include <unordered_set>

#include "gradus/graph/scopes.h"
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

}  // namespace

Float64Twin::Float64Twin(const std::vector<Output>& roots, const std::vector<Output>& cuts, const std::string& device)
    : graph_(std::make_unique<Graph>(roots.at(0).graph().ops())) {
  const std::unordered_set<Output> cut(cuts.begin(), cuts.end());
  std::set<int> needed;
  std::vector<Output> open = roots;
  while (!open.empty()) {
    const Output output = open.back();
    open.pop_back();
    if (cut.contains(output) || !needed.insert(output.node().id()).second) continue;
    open.insert(open.end(), output.node().inputs().begin(), output.node().inputs().end());
  }
  for (const Output& o : cut) {
    const DType dtype = is_floating(o.dtype()) ? DType::kFloat64 : o.dtype();
    copies_[o] = placeholder(*graph_, dtype, o.shape(), {o.node().name(), {o.node().file().c_str(), o.node().line()}});
  }
  for (const int id : needed) copy_node(roots[0].graph().node(id), device);
}

void Float64Twin::copy_node(const Node& node, const std::string& device) {
  std::vector<Output> inputs;
  for (const Output& input : node.inputs()) inputs.push_back(of(input));
  Float64Writer writer;
  const DeviceScope on(*graph_, device.empty() ? node.device() : device);
  Node& copy = graph_->add_node(node.op(), std::move(inputs), node.attrs().edited(writer),
                                {node.name(), {node.file().c_str(), node.line()}});
  Node& original = node.graph().node(node.id());
  for (int i = 0; i < node.num_outputs(); ++i) copies_.try_emplace(original.output(i), copy.output(i));
}

Output Float64Twin::of(const Output& original) const {
  const auto found = copies_.find(original);
  if (found == copies_.end()) throw not_found("'" + original.name() + "' is not part of the copied graph");
  return found->second;
}

}  // namespace gradus
