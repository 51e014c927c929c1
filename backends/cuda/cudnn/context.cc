#include <fmt/format.h>

#include "gradus/backends/cuda/cudnn/convolution.h"
#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/cudnn/device.h"
#include "gradus/backends/cuda/cudnn/engine.h"
#include "gradus/core/error.h"

namespace gradus::cudnn {

Context::Context(int device) : device_(device) {}
Context::~Context() = default;

Context::Entry Context::make_plan(const Convolution& convolution, const Policy& policy) {
  if (properties_ == nullptr) properties_ = std::make_shared<const Descriptor>(device_properties(device_));
  Entry entry;
  try {
    const Descriptor graph = operation_graph(convolution);
    const std::vector<Plan> plans = plans_for(graph, *properties_, convolution.dtype, policy, 1, &entry.why_not);
    if (!plans.empty()) entry.plan = std::make_shared<const Plan>(plans.front());
  } catch (const Error& error) {
    if (error.code() == Code::kUnavailable) throw;
    entry.why_not = error.what();  // sizes beyond what cuDNN can say, for one
  }
  return entry;
}

std::shared_ptr<const Plan> Context::plan(const Convolution& convolution, const Policy& policy, std::string* why_not) {
  const std::string key = fmt::format("{} {}{}{} {}", key_of(convolution), int{policy.deterministic},
                                      int{policy.allow_tf32}, int{policy.autotune}, policy.most_workspace);
  const std::unique_lock lock(mutex_);
  auto found = plans_.find(key);
  if (found == plans_.end()) found = plans_.emplace(key, make_plan(convolution, policy)).first;
  *why_not = found->second.why_not;
  return found->second.plan;
}

void Context::run(const Plan& plan, std::span<const Binding> bindings, void* workspace, cudaStream_t stream) {
  const std::unique_lock lock(mutex_);
  execute(handle_, *plan.descriptor, bindings, workspace, stream);
}

}  // namespace gradus::cudnn
