#include "gradus/graph/run/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/graph/run/recorded_steps.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxTraceEvents = 200000;

// Makes reading an output before writing it visible: NaN for floats, 0xA5 bytes for integers, true for bools.
void poison(Device& device, Tensor& tensor) {
  const unsigned char byte = is_floating(tensor.dtype()) ? 0xFF : tensor.dtype() == DType::kBool ? 1 : 0xA5;
  if (tensor.bytes() > 0) device.fill(tensor.raw(), byte, tensor.bytes());
}

// The tensor as the host can read it: itself, or a copy.
Tensor on_host(Device& device, const Tensor& tensor) {
  if (device.uses_host_memory() || tensor.raw() == nullptr) return tensor;
  Tensor copy(tensor.dtype(), tensor.shape());
  device.copy_to_host(copy.raw(), tensor.raw(), tensor.bytes());
  return copy;
}

// A view on memory that something else keeps alive: the session its arenas and variables, the plan its constants, the caller
// the tensors that it feeds. Plans that are not in use thus hold no memory.
Tensor window(const void* memory, DType dtype, const Shape& shape) {
  return Tensor(Buffer(Buffer(), const_cast<void*>(memory)), 0, dtype, shape);
}

std::string range_text(const Tensor& tensor) {
  const FiniteRange range = finite_range(tensor);
  const std::int64_t bad = tensor.num_elements() - range.count;
  std::string text =
      range.count > 0 ? fmt::format("in [{:.6g}, {:.6g}]", range.low, range.high) : "without a finite element";
  return bad == 0 ? text : text + fmt::format(", {} not finite", bad);
}

}  // namespace

void Executor::bind(Plan& plan) {
  for (const auto& [device, bytes] : plan.arena_bytes) {
    if (bytes <= arena_sizes_[device]) continue;
    arenas_[device].reset();  // free first: the peak is one arena, not two
    ++generation_;
    arena_sizes_[device] = 0;
    arenas_[device] = allocate_on(*device, bytes);
    arena_sizes_[device] = bytes;
  }
  if (plan.generation == generation_) return;
  for (const int s : plan.order) {
    PlanStep& step = plan.step(s);
    step.context.run_number_ = run_number_of(step);
    if (step.scratch >= 0)
      step.context.scratch_ = static_cast<char*>(arenas_[step.device].get()) + plan.value(step.scratch).offset;
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      const PlanValue& v = plan.value(step.outputs[i]);
      const int root_id = plan.root(step.outputs[i]);
      const PlanValue& root = plan.value(root_id);
      if (root.storage == Storage::kFeed) continue;  // bound anew by every run
      const void* memory = nullptr;
      if (root.storage != Storage::kArena) {
        memory = plan.tensor(root_id).raw();
      } else if (v.bytes > 0) {
        memory = static_cast<const char*>(arenas_[root.device].get()) + root.offset;
      }
      step.context.outputs_[i] = window(memory, v.dtype, v.shape);
      step.results.resize(step.outputs.size());
      step.results[i] = memory;
    }
  }
  plan.generation = generation_;
}

const std::uint64_t* Executor::run_number_of(const PlanStep& step) {
  if (step.device->uses_host_memory()) return &run_number_;
  if (step.is_copy || step.node().def().effect != Effect::kRandom) return nullptr;
  Buffer& number = run_numbers_[step.device];
  if (number == nullptr) number = allocate_on(*step.device, sizeof(std::uint64_t));
  return static_cast<const std::uint64_t*>(number.get());
}

void Executor::bind_feeds(Plan& plan, const Feeds& feeds) {
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    if (plan.feed_values[i] < 0) continue;
    const Tensor& fed = feeds[i].second;
    plan.value(plan.feed_values[i]).tensor = window(fed.raw(), fed.dtype(), fed.shape());
  }
  for (const int s : plan.order) {
    PlanStep& step = plan.step(s);
    if (!step.aliased) continue;
    const PlanValue& v = plan.value(step.outputs[0]);
    const PlanValue& root = plan.value(plan.root(step.outputs[0]));
    if (root.storage == Storage::kFeed) step.context.outputs_[0] = window(root.tensor.raw(), v.dtype, v.shape);
  }
}

std::vector<Tensor> Executor::run(Plan& plan, const Feeds& feeds, std::uint64_t run_number) {
  struct End {
    const Plan& plan;
    ~End() {
      for (Device* device : plan.devices) device->end_run();
    }
  } const end{plan};
  bind(plan);
  bind_feeds(plan, feeds);
  run_number_ = run_number;
  for (auto& [device, number] : run_numbers_) device->store_number(number.get(), run_number);
  update_recordings(plan, options_, [&](PlanStep& step) { run_step(plan, step); });
  auto recorded = plan.recorded.begin();
  for (std::size_t i = 0; i < plan.order.size();) {
    if (recorded != plan.recorded.end() && recorded->begin == i) {
      recorded->recording->replay();
      i = recorded++->end;
    } else {
      run_step(plan, plan.step(plan.order[i++]));
    }
  }
  std::vector<Tensor> results;
  results.reserve(plan.fetch_values.size());
  for (const int value : plan.fetch_values) results.push_back(fetch(plan, value));
  ++plan.runs;
  return results;
}

// A kernel gets its outputs as Tensor&, and may by mistake assign to them.
void Executor::check_outputs(const Plan& plan, PlanStep& step) {
  for (std::size_t i = 0; i < step.results.size(); ++i) {
    Tensor& output = step.context.outputs_[i];
    if (output.raw() == step.results[i] && output.defined()) continue;
    const PlanValue& v = plan.value(step.outputs[i]);
    output = window(step.results[i], v.dtype, v.shape);
    fail_replaced(step.context, i);
  }
}

void Executor::run_kernel(const Plan& plan, PlanStep& step) const {
  KernelContext& c = step.context;
  std::vector<Tensor> before;  // what the step overwrites, for the report
  if (options_.check_numerics) {
    for (int i = 0; i < mutated_inputs(step); ++i) before.push_back(on_host(*step.device, c.input(i)).clone());
  }
  if (step.prepare_in_each_run) {
    for (const HostOperand& h : step.host_operands) set_host_values(c, h.operand, *h.source);
    c.knows_host_values_ = true;
    const std::size_t planned = c.scratch_bytes_;
    call_kernel(step.kernel->prepare, c);
    if (c.scratch_bytes_ > planned)
      throw internal_error(step.where + " its kernel asks for more scratch memory than when the plan was made");
    c.scratch_bytes_ = planned;
  }
  call_kernel(step.kernel->compute, c);
  check_outputs(plan, step);
  if (options_.check_numerics) check_numerics(step, before);
}

void Executor::run_step(Plan& plan, PlanStep& step) {
  if (step.aliased || (step.kernel == nullptr && !step.is_copy)) {
    if (options_.observer && step.aliased) observe(plan, step);
    return;
  }
  std::chrono::steady_clock::time_point begin;
  if (options_.profile) begin = std::chrono::steady_clock::now();
  KernelContext& c = step.context;
  if (options_.poison_outputs) {
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      if (plan.value(step.outputs[i]).alias_of < 0) poison(*step.device, c.outputs_[i]);
    }
    if (c.scratch_bytes_ > 0) step.device->fill(c.scratch_, 0xFF, c.scratch_bytes_);
  }
  if (step.is_copy) {
    copy_between_devices(plan, step);
  } else {
    run_kernel(plan, step);
  }
  if (options_.profile) {
    step.device->synchronize();
    const auto end = std::chrono::steady_clock::now();
    const std::chrono::duration<double, std::micro> from = begin - start_;
    const std::chrono::duration<double, std::micro> took = end - begin;
    step.total_ms += took.count() / 1000.0;
    ++step.runs;
    if (trace_.size() < kMaxTraceEvents) {
      trace_.push_back(
          {step.node().name(), op_text(step), step.device->name().to_string(), from.count(), took.count()});
    }
  }
  if (options_.observer) observe(plan, step);
}

void Executor::observe(const Plan& plan, const PlanStep& step) const {
  std::vector<Tensor> results;
  for (const int id : step.outputs) {
    Device* device =
        plan.value(plan.root(id)).device;  // nullptr for views of feeds and constants, which are the host's
    const Tensor& result = plan.tensor(id);
    results.push_back(device == nullptr ? result : on_host(*device, result));
  }
  options_.observer({step.node(), results, step.is_copy, step.nodes});
}

void Executor::copy_between_devices(const Plan& plan, PlanStep& step) {
  const Tensor& from = *step.context.inputs_[0];
  Tensor& to = step.context.outputs_[0];
  Device* source = plan.value(plan.root(step.inputs[0])).device;
  if (source == step.device && !source->uses_host_memory()) {
    source->copy(to.raw(), from.raw(), to.bytes());
  } else if (source == nullptr || source->uses_host_memory()) {
    step.device->copy_from_host(to.raw(), from.raw(), to.bytes());
  } else if (step.device->uses_host_memory()) {
    source->copy_to_host(to.raw(), from.raw(), to.bytes());
  } else if (!step.device->copy_from(*source, to.raw(), from.raw(), to.bytes())) {
    const Buffer bounce = allocate_host(to.bytes());
    source->copy_to_host(bounce.get(), from.raw(), to.bytes());
    step.device->copy_from_host(to.raw(), bounce.get(), to.bytes());
  }
}

void Executor::check_numerics(const PlanStep& step, const std::vector<Tensor>& before) const {
  for (const Tensor& computed : step.context.outputs_) {
    if (!is_floating(computed.dtype())) continue;
    const Tensor output = on_host(*step.device, computed);
    for (std::int64_t i = 0; i < output.num_elements(); ++i) {
      const double value = output.at(i);
      if (std::isfinite(value)) continue;
      std::string inputs;
      for (std::size_t k = 0; k < step.context.inputs_.size(); ++k) {
        const auto host = std::find_if(step.host_operands.begin(), step.host_operands.end(),
                                       [&](const HostOperand& h) { return h.operand == static_cast<int>(k); });
        const Tensor input = k < before.size()                  ? before[k]
                             : host != step.host_operands.end() ? *host->source
                                                                : on_host(*step.device, *step.context.inputs_[k]);
        inputs += fmt::format("{} '{}' {} {}", k == 0 ? "; inputs:" : ",",
                              step.node().input(static_cast<int>(k)).name(), type_text(input), range_text(input));
      }
      throw invalid_argument(fmt::format("{} made {} at element {} of its result {}{}", step.where,
                                         std::isnan(value) ? "a NaN" : "an infinity", i, type_text(output), inputs));
    }
  }
}

Tensor Executor::fetch(Plan& plan, int id) const {
  const PlanValue& v = plan.value(id);
  const Tensor& from = plan.tensor(id);
  Device* device = plan.value(plan.root(id)).device;
  Tensor result(v.dtype, v.shape);
  if (device == nullptr) {
    result.copy_from(from);
  } else {
    device->copy_to_host(result.raw(), from.raw(), v.bytes);
  }
  return result;
}

std::size_t Executor::arena_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [device, size] : arena_sizes_) bytes += size;
  return bytes;
}

}  // namespace gradus
