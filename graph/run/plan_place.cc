// Placement: on which device a node of a plan runs, by which kernel, and why.
#include <fmt/format.h>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/run/plan.h"

namespace gradus {

namespace {

// Where an op has no kernel at all: kernels of a name like its own that is no op's.
std::string mistyped_name(const std::string& op) {
  if (!kernel_registry().for_op(op).empty()) return "";
  std::vector<std::string> strays;
  for (const std::string& name : kernel_registry().ops()) {
    if (op_registry().find(name) == nullptr && name.find('+') == std::string::npos) strays.push_back(name);
  }
  const std::vector<std::string> near = nearest_names(op, strays, 1);
  return near.empty() ? "" : fmt::format("; there are kernels for '{}', which is no op", near[0]);
}

}  // namespace

Placement asked_device(const Node& node, const SessionOptions& options, DeviceSet& devices) {
  if (node.device().empty()) {
    return {&devices.get(DeviceName::parse(options.device)), nullptr, "the session's default"};
  }
  try {
    return {&devices.get(DeviceName::parse(node.device())), nullptr, "DeviceScope"};
  } catch (const Error& error) {
    throw Error(error.code(), node.where() + " " + error.what());
  }
}

Device* changed_device(const Plan& plan, const Node& node, const std::vector<int>& inputs) {
  Device* device = nullptr;
  for (std::size_t i = 0; i < node.def().num_mutated(); ++i) {
    const PlanValue& variable = plan.value(inputs.at(i));
    if (variable.storage != Storage::kVariable) {
      throw invalid_argument(
          fmt::format("{} changes the variable '{}', which this run feeds", node.where(), variable.source->name()));
    }
    if (device != nullptr && variable.device != device) {
      throw invalid_argument(node.where() + " changes variables on different devices");
    }
    device = variable.device;
  }
  return device;
}

Placement place(const Node& node, const SessionOptions& options, DeviceSet& devices, Device* variable) {
  Placement result = variable != nullptr ? Placement{variable, nullptr, "where its variable is"}
                                         : asked_device(node, options, devices);
  if (node.def().kind == OpKind::kNoOp) return result;
  const DType dtype = node.def().kernel_dtype == kDTypeOfOutput ? node.output_info(0).dtype
                                                                : node.input(node.def().kernel_dtype).dtype();
  const DeviceName& name = result.device->name();
  result.kernel = kernel_registry().find(node.op(), name.type, dtype);
  if (const std::string* why = kernel_registry().cpu_only_reason(node.op(), name.type);
      result.kernel == nullptr && why != nullptr) {
    if (variable != nullptr) {
      throw unimplemented(
          fmt::format("{} runs where its variable is, which is on {}, and has no {} kernel: {}. Place the variable "
                      "elsewhere, for example DeviceScope on(graph, \"cpu:0\")",
                      node.where(), name.to_string(), name.type, *why));
    }
    for (const Backend* backend : backend_registry().usable()) {
      const KernelDef* kernel = kernel_registry().find(node.op(), backend->type, dtype);
      if (kernel == nullptr) continue;
      result = {&devices.get(backend->list()[0].name), kernel, "no " + name.type + " kernel: " + *why};
      break;
    }
  }
  if (result.kernel == nullptr) {
    throw unimplemented(fmt::format("{} has no kernel for {} on {}; kernels that exist: {}{}", node.where(),
                                    dtype_name(dtype), name.to_string(), kernel_registry().describe(node.op()),
                                    mistyped_name(node.op())));
  }
  return result;
}

}  // namespace gradus
