// What a backend may record once and repeat for later runs: every step but a few has the same kernel on the same memory in all runs, and
// what changes from run to run (feeds, the run's number, variables) is read from memory.
#include <gradus/gradus.h>
#include <gradus/graph/constant_attrs.h>
#include <gradus/nn/layers.h>
#include <gradus/nn/losses.h>
#include <gradus/nn/optimizers.h>
#include <gtest/gtest.h>

#include "gradus/graph/run/executor.h"
#include "gradus/graph/run/plan.h"
#include "tests/support/far_device.h"

namespace gradus {
namespace {

// All that a step's kernel, or its copy, is given.
std::vector<const void*> arguments_of(const PlanStep& step) {
  const KernelContext& c = step.context;
  std::vector<const void*> arguments = {c.scratch_, c.run_number_, c.state.get()};
  for (const Tensor* input : c.inputs_) arguments.push_back(input->raw());
  for (const Tensor& output : c.outputs_) arguments.push_back(output.raw());
  return arguments;
}

TEST(FarReplay, OnlyStepsThatSayItDependOnWhereTheHostsMemoryLies) {
  reset_far_copies();
  Graph graph;
  const Output images = placeholder(graph, DType::kFloat32, {-1, 6, 6, 2}, "images");
  const Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  const Output begin = placeholder(graph, DType::kInt32, {2}, "begin");
  const Output h = nn::flatten(relu(nn::conv2d(images, {.filters = 3, .kernel = 3})));
  const Output part = slice(h, begin, constant(graph, std::vector<std::int32_t>{2, 50}), "part");
  const Output kept = dropout(part, 0.5);
  const Output loss = nn::sparse_softmax_loss(labels, nn::dense(kept, {.units = 4}));
  const Operation train = nn::momentum({.learning_rate = 0.1, .momentum = 0.9}).minimize(loss);
  const auto feeds = [&](std::uint64_t seed, std::int32_t column) {
    return Feeds{{images, random_normal_tensor(DType::kFloat32, {2, 6, 6, 2}, seed)},
                 {labels, Tensor::from<std::int32_t>({0, 3})},
                 {begin, Tensor::from<std::int32_t>({0, column})}};
  };
  const SessionOptions options{.device = "far:0"};
  const Feeds first = feeds(1, 3), second = feeds(2, 9);
  const std::vector<Output> fetches = {loss};
  const std::vector<Operation> targets = {train};
  DeviceSet devices{DeviceOptions{}};
  VariableMap variables;
  const auto plan = compile_plan({graph, options, first, fetches, targets, devices, variables});
  Session values(graph, options);
  for (auto& [node, state] : variables) {
    const Tensor value = values.value(const_cast<Node*>(node)->output(0));
    state->device->copy_from_host(state->tensor.raw(), value.raw(), value.bytes());
  }
  Executor executor(options);
  const auto arguments = [&] {
    std::vector<std::vector<const void*>> all;
    for (const int s : plan->order) all.push_back(arguments_of(plan->step(s)));
    return all;
  };
  executor.run(*plan, first, 1);
  const auto before = arguments();
  executor.run(*plan, second, 2);
  const auto after = arguments();
  int changed = 0, repeatable = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const PlanStep& step = plan->step(plan->order[i]);
    changed += before[i] != after[i];
    repeatable += is_repeatable(*plan, step);
    if (is_repeatable(*plan, step)) {
      EXPECT_EQ(before[i], after[i]) << step.node().name();
    }
  }
  EXPECT_GE(changed, 2) << "the copies of what is fed";
  // Images and labels go up, and the slice and its gradient are told on the host where they begin.
  EXPECT_EQ(static_cast<int>(before.size()) - repeatable, 4);
}

}  // namespace
}  // namespace gradus
