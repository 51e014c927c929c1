#include "gradus/graph/run/plan_sharing.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxComparedBytes = 4096;

}  // namespace

int PlanSharing::find(const Plan& plan, const Node& node, const std::vector<int>& inputs, Device* device) const {
  const auto [begin, end] = steps_.equal_range({&node.def(), node.attrs().hash(), inputs, device});
  for (auto it = begin; it != end; ++it) {
    const Node& other = plan.step(it->second).node();
    if (other.attrs() == node.attrs() && other.num_outputs() == node.num_outputs()) return it->second;
  }
  return -1;
}

void PlanSharing::add(const Node& node, const std::vector<int>& inputs, Device* device, int step) {
  steps_.emplace(Key{&node.def(), node.attrs().hash(), inputs, device}, step);
}

int* PlanSharing::constant(const Tensor& tensor) {
  if (tensor.bytes() > kMaxComparedBytes) return nullptr;
  std::string key(static_cast<const char*>(tensor.raw()), tensor.bytes());
  key += dtype_name(tensor.dtype()) + tensor.shape().to_string();
  return &constants_.try_emplace(std::move(key), -1).first->second;
}

}  // namespace gradus
