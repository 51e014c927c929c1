#include "gradus/graph/run/plan_fold.h"

#include <algorithm>

#include "gradus/graph/run/plan_infer.h"

namespace gradus {
namespace {

// Larger results are computed in every step instead.
constexpr std::size_t kMaxFoldedBytes = 256 * 1024;

}  // namespace

std::optional<Tensor> fold_by_value(const Node& node, const TensorInfo& result, std::vector<TensorInfo> inputs,
                                    const std::vector<const Tensor*>& constants) {
  const auto known =
      infer_value(node.def(), node.attrs(), std::move(inputs), result, [&](int i) -> std::optional<IntValues> {
        const Tensor* constant = constants[static_cast<std::size_t>(i)];
        if (constant == nullptr || constant->num_elements() > kMaxTrackedValues) return std::nullopt;
        return integers_of(*constant);
      });
  if (!known || std::find(known->begin(), known->end(), kUnknownValue) != known->end()) return std::nullopt;
  return tensor_of(*known, result.dtype, result.shape);
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
  for (std::size_t i = 0; i < constants.size(); ++i) {
    if (node.def().is_host_operand(i)) set_host_values(context, static_cast<int>(i), *constants[i]);
  }
  for (const TensorInfo& info : results) {
    const Tensor shape_only(Buffer(), 0, info.dtype, info.shape);
    context.outputs_.emplace_back(device.allocate(shape_only.bytes()), 0, info.dtype, info.shape);
  }
  const std::string where = node.where();
  context.where_ = &where;
  context.nodes_ = {{.attrs = &node.attrs()}};
  context.kernel_ = placement.kernel;
  context.device_ = &device;
  if (placement.kernel->prepare != nullptr) call_kernel(placement.kernel->prepare, context);
  Buffer scratch;
  if (context.scratch_bytes_ > 0) {
    scratch = device.allocate(context.scratch_bytes_);
    context.scratch_ = scratch.get();
  }
  call_kernel(placement.kernel->compute, context);
  device.synchronize();
  return context.outputs_;
}

}  // namespace gradus
