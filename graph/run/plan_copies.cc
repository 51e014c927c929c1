#include "gradus/graph/run/plan_copies.h"

namespace gradus {

// Feeds and constants of the graph are host memory, which the device nullptr stands for.
std::vector<int> OperandCopies::on_device(const OpDef& def, const std::vector<int>& inputs, Device* device) {
  std::vector<int> result;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Device* const from = plan_.value(inputs[i]).device;
    const bool on_host = from == nullptr || from->uses_host_memory();
    if (def.is_host_operand(i)) {
      result.push_back(on_host ? inputs[i] : copy_to(inputs[i], &devices_.host()));
    } else {
      const bool here = from == device || (from == nullptr && device->uses_host_memory());
      result.push_back(here ? inputs[i] : copy_to(inputs[i], device));
    }
  }
  return result;
}

int OperandCopies::copy_to(int value, Device* device) {
  const auto [found, is_new] = copies_.try_emplace({value, device}, -1);
  if (!is_new) return found->second;
  const PlanValue& v = plan_.value(value);
  const bool is_upload = v.storage == Storage::kConstant && v.device == nullptr;
  return found->second = is_upload ? uploaded(value, device) : steps_.add_copy(value, device);
}

// A constant goes up once, when the plan is made.
int OperandCopies::uploaded(int constant, Device* device) {
  const Tensor tensor = plan_.value(constant).tensor;
  Tensor there(device->allocate(tensor.bytes()), 0, tensor.dtype(), tensor.shape());
  if (tensor.bytes() > 0) device->copy_from_host(there.raw(), tensor.raw(), tensor.bytes());
  const int copy = steps_.add_constant(*plan_.value(constant).source, there, device);
  steps_.wait_like(copy, constant);
  return copy;
}

}  // namespace gradus
