#include "gradus/graph/run/plan_fold.h"

#include <algorithm>

#include "gradus/graph/run/plan_infer.h"

namespace gradus {
namespace {

// Larger results are computed in every step instead.
constexpr std::size_t kMaxFoldedBytes = std::size_t{256} << 10;
// Larger constants are kept as often as they are made.
constexpr std::size_t kMaxComparedBytes = 4096;

}  // namespace

std::optional<Tensor> fold_by_value(const Node& node, const TensorInfo& result, std::vector<TensorInfo> inputs,
                                    const std::vector<const Tensor*>& constants) {
  const auto known =
      infer_value(node.def(), node.attrs(), std::move(inputs), result, [&](int i) -> std::optional<IntValues> {
        const Tensor* constant = constants[at(i)];
        if (constant == nullptr || constant->num_elements() > kMaxTrackedValues) return std::nullopt;
        return integers_of(*constant);
      });
  if (!known || std::find(known->begin(), known->end(), kUnknownValue) != known->end()) return std::nullopt;
  return Tensor::from(result.shape, *known).cast(result.dtype);
}

std::optional<std::vector<Tensor>> fold_by_kernel(const Node& node, const Placement& placement,
                                                  const std::vector<TensorInfo>& results,
                                                  const std::vector<const Tensor*>& constants) {
  std::size_t bytes = 0;
  for (const TensorInfo& info : results) {
    bytes += static_cast<std::size_t>(info.shape.num_elements()) * dtype_size(info.dtype);
  }
  if (bytes > kMaxFoldedBytes) return std::nullopt;
  Device& device = *placement.device;
  KernelContext context;
  context.inputs_ = constants;
  context.knows_host_values_ = true;
  std::vector<Tensor> shapes_only;  // of host operands, which have no memory for kernels here either
  shapes_only.reserve(constants.size());
  for (std::size_t i = 0; i < constants.size(); ++i) {
    if (!node.def().is_host_operand(i)) continue;
    set_host_values(context, static_cast<int>(i), *constants[i]);
    context.inputs_[i] = &shapes_only.emplace_back(Buffer(), 0, constants[i]->dtype(), constants[i]->shape());
  }
  for (const TensorInfo& info : results) {
    const Tensor shape_only(Buffer(), 0, info.dtype, info.shape);
    context.outputs_.emplace_back(allocate_on(device, shape_only.bytes()), 0, info.dtype, info.shape);
  }
  const std::string where = node.where();
  context.where_ = &where;
  context.nodes_ = {{.attrs = &node.attrs()}};
  context.kernel_ = placement.kernel;
  context.device_ = &device;
  prepare_kernel(context);
  Buffer scratch;
  if (context.scratch_bytes_ > 0) {
    scratch = allocate_on(device, context.scratch_bytes_);
    context.scratch_ = scratch.get();
  }
  const std::vector<Tensor> outputs = context.outputs_;
  call_kernel(placement.kernel->compute, context);
  device.synchronize();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (context.outputs_[i].raw() != outputs[i].raw() || !context.outputs_[i].defined()) fail_replaced(context, i);
  }
  return outputs;
}

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
