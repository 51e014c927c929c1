#include <fmt/format.h>

#include "gradus/backends/cuda/cudnn/convolution.h"
#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/cudnn/device.h"
#include "gradus/backends/cuda/cudnn/engine.h"
#include "gradus/core/error.h"

namespace gradus::cudnn {

Context::Context(int device) : device_(device) {}
Context::~Context() = default;

namespace {

constexpr std::size_t kMostTried = 12;
// Of convolutions: with more, those go that no plan of a session uses.
constexpr std::size_t kMostKept = 1000;

}  // namespace

Context::Entry Context::make_plan(const Convolution& convolution, const Policy& policy, ChoosePlan choose) {
  if (properties_ == nullptr) properties_ = std::make_shared<const Descriptor>(device_properties(device_));
  Entry entry;
  try {
    const Descriptor graph = operation_graph(convolution);
    std::vector<Plan> plans =
        plans_for(graph, *properties_, convolution.dtype, policy, policy.autotune ? kMostTried : 1, &entry.why_not);
    if (plans.empty()) return entry;
    Choice choice{0, ""};
    if (plans.size() > 1) {
      choice = choose(convolution, plans,
                      [&](const Plan& plan, std::span<const Binding> bindings, void* workspace, cudaStream_t stream) {
                        execute(handle_, *plan.descriptor, bindings, workspace, stream);
                      });
    }
    Plan& chosen = plans.at(choice.plan);
    chosen.description += choice.why;
    entry.plan = std::make_shared<const Plan>(chosen);
  } catch (const Error& error) {
    // Sizes beyond what cuDNN can say, for one; what is wrong with the device or its memory is no question of the engine.
    if (error.code() != Code::kInvalidArgument && error.code() != Code::kUnimplemented) throw;
    entry.why_not = error.what();
  }
  return entry;
}

std::shared_ptr<const Plan> Context::plan(const Convolution& convolution, const Policy& policy, ChoosePlan choose,
                                          std::string* why_not) {
  const std::string key = fmt::format("{} {}{}{} {}", key_of(convolution), int{policy.deterministic},
                                      int{policy.allow_tf32}, int{policy.autotune}, policy.most_workspace);
  const std::unique_lock lock(mutex_);
  if (plans_.size() >= kMostKept)
    std::erase_if(plans_, [](const auto& kept) { return kept.second.plan.use_count() < 2; });
  auto found = plans_.find(key);
  if (found == plans_.end()) found = plans_.emplace(key, make_plan(convolution, policy, choose)).first;
  *why_not = found->second.why_not;
  return found->second.plan;
}

void Context::run(const Plan& plan, std::span<const Binding> bindings, void* workspace, cudaStream_t stream) {
  const std::unique_lock lock(mutex_);
  execute(handle_, *plan.descriptor, bindings, workspace, stream);
}

}  // namespace gradus::cudnn
