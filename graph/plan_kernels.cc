// The kernels of a plan: their contexts, their prepare(), and what becomes of what they throw.
#include <algorithm>
#include <new>

#include "gradus/graph/plan.h"

namespace gradus {

void call_kernel(KernelFn function, KernelContext& context) {
  const std::string& where = context.where();
  try {
    function(context);
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(where)) throw;
    throw Error(error.code(), where + " " + error.what());
  } catch (const std::bad_alloc&) {
    throw Error(Code::kResourceExhausted, where + " ran out of memory");
  } catch (const std::exception& error) {
    throw internal_error(where + " its kernel threw: " + error.what());
  }
}

void prepare_kernels(Plan& plan, const SessionOptions& options) {
  const Buffer nothing;  // tensors of the right shape; the executor gives them memory
  for (const int index : plan.order) {
    PlanStep& step = plan.step(index);
    KernelContext& c = step.context;
    c.device_ = step.device;
    c.where_ = &step.where;
    c.attrs_ = &first_node(step).attrs();
    c.random_seed_ = node_seed(options.seed, step.node->name());
    for (int output : step.outputs) {
      c.outputs_.emplace_back(nothing, 0, plan.value(output).dtype, plan.value(output).shape);
    }
    for (int input : step.inputs) {
      PlanValue& v = plan.value(input);
      if (v.producer >= 0 && v.output >= 0) {
        c.inputs_.push_back(&plan.step(v.producer).context.outputs_[static_cast<std::size_t>(v.output)]);
      } else {
        if (v.storage == Storage::kFeed) v.tensor = Tensor(nothing, 0, v.dtype, v.shape);
        const VariableState* variable = plan.value(plan.root(input)).variable;
        c.inputs_.push_back(variable != nullptr ? &variable->tensor : &v.tensor);
      }
    }
    if (step.kernel != nullptr && step.kernel->prepare != nullptr && !step.aliased) {
      call_kernel(step.kernel->prepare, c);
    }
    std::size_t& scratch = plan.scratch_bytes[step.device];
    scratch = std::max(scratch, c.scratch_bytes_);
  }
}

}  // namespace gradus
