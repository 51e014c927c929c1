// The kernels of a plan: their contexts, their prepare(), and what becomes of what they throw.
#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "gradus/core/float_mode.h"
#include "gradus/graph/recompute_scope.h"
#include "gradus/graph/run/packed_variables.h"
#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_infer.h"

namespace gradus {

void call_kernel(KernelFn function, KernelContext& context) {
  const SubnormalsAsZero flushed(context.device().uses_host_memory() && context.device().options().flush_subnormals);
  try {
    function(context);
  } catch (const Error& error) {
    const std::string located = context.located(error.what());
    if (located == error.what()) throw;
    throw Error(error.code(), located);
  } catch (const std::bad_alloc&) {
    throw Error(Code::kResourceExhausted, context.where() + " ran out of memory");
  } catch (const std::exception& error) {
    throw internal_error(context.where() + " its kernel threw: " + error.what());
  } catch (...) {
    throw internal_error(context.where() + " its kernel threw something that is no std::exception");
  }
}

void prepare_kernel(KernelContext& context) {
  if (context.kernel().prepare == nullptr) return;
  call_kernel(context.kernel().prepare, context);
  constexpr std::size_t kMostBytes = std::size_t{1} << 48;  // where a device does not tell how much it has
  const auto limit = static_cast<std::size_t>(context.device().memory_bytes());
  if (context.scratch_bytes_ <= (limit == 0 ? kMostBytes : limit)) return;
  throw Error(Code::kResourceExhausted,
              fmt::format("{} its kernel asks for {} bytes of scratch memory, more than {} has (a size below zero?)",
                          context.where(), context.scratch_bytes_, context.device().name().to_string()));
}

void fail_replaced(const KernelContext& context, std::size_t output) {
  throw internal_error(
      fmt::format("{} its kernel put another tensor in the place of result {}: results are written where they lie",
                  context.where(), output));
}

void set_host_values(KernelContext& context, int operand, const Tensor& tensor) {
  std::vector<std::int64_t>& values = context.host_values_[operand];
  values.resize(static_cast<std::size_t>(tensor.num_elements()));  // once: a run allocates nothing
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = integer_at(tensor, static_cast<std::int64_t>(i));
}

namespace {

const Buffer kNothing;  // of tensors of the right shape, which the executor gives memory

// Splits the operands into those that the kernel reads and those that the host reads for it.
void connect_inputs(Plan& plan, PlanStep& step) {
  KernelContext& c = step.context;
  const OpDef& def = step.first_node().def();
  const bool has_host_operands = !step.is_copy && !def.host_operands.empty();
  if (has_host_operands) step.host_operands.reserve(step.inputs.size());
  c.knows_host_values_ = true;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    PlanValue& v = plan.value(step.inputs[i]);
    if (v.storage == Storage::kFeed) v.tensor = Tensor(kNothing, 0, v.dtype, v.shape);
    const Tensor* source = &plan.tensor(step.inputs[i]);
    // Of several nodes, the first has the first inputs, and only it may have host operands.
    if (!has_host_operands || i >= step.first_node().inputs().size() || !def.is_host_operand(i)) {
      c.inputs_.push_back(source);
      continue;
    }
    step.host_operands.push_back({static_cast<int>(i), source, Tensor(kNothing, 0, v.dtype, v.shape)});
    c.inputs_.push_back(&step.host_operands.back().shape_only);
    c.knows_host_values_ = c.knows_host_values_ && v.storage == Storage::kConstant;
  }
  if (!c.knows_host_values_) {
    step.prepare_in_each_run = step.kernel != nullptr && step.kernel->prepare != nullptr;
    return;
  }
  for (const HostOperand& h : step.host_operands) set_host_values(c, h.operand, *h.source);
}

// Values of steps that may ask for scratch memory.
void add_scratch(Plan& plan) {
  for (const int s : plan.order) {
    PlanStep& step = plan.step(s);
    if (step.kernel == nullptr || step.kernel->prepare == nullptr || step.aliased) continue;
    step.scratch = add_value(plan, {.device = step.device, .producer = s, .output = -1, .source = &step.node()});
  }
}

// How much it has asked for.
void take_scratch(Plan& plan, PlanStep& step) {
  const std::size_t bytes = step.context.scratch_bytes_;
  plan.value(step.scratch).bytes = bytes;
  if (bytes == 0) {
    step.scratch = -1;
    return;
  }
  std::size_t& most = plan.scratch_bytes[step.device];
  most = std::max(most, bytes);
}

}  // namespace

void prepare_kernels(Plan& plan, const SessionOptions& options) {
  add_scratch(plan);  // now: steps will point at values, which must stay where they are
  for (const int index : plan.order) {
    PlanStep& step = plan.step(index);
    KernelContext& c = step.context;
    c.device_ = step.device;
    c.kernel_ = step.kernel;
    c.where_ = &step.where;
    if (c.nodes_.empty()) c.nodes_.emplace_back().attrs = &step.node().attrs();
    c.random_seed_ = node_seed(options.seed, original(step.node()).name());
    for (int output : step.outputs) {
      c.outputs_.emplace_back(kNothing, 0, plan.value(output).dtype, plan.value(output).shape);
    }
    connect_inputs(plan, step);
    if (step.scratch >= 0) {
      allow_packed(plan, step);
      prepare_kernel(c);
      add_packed(plan, step);
      take_scratch(plan, step);
    }
  }
}

}  // namespace gradus
