// Copies and assignments. A copy may find operand and result in the same memory, hence memmove.
#include <cstring>

#include "gradus/backends/common/kernels.h"
#include "gradus/core/wrapping.h"

namespace gradus::common {
namespace {

void copy_kernel(KernelContext& c) {
  if (c.output(0).bytes() > 0) std::memmove(c.output(0).raw(), c.input(0).raw(), c.output(0).bytes());
}

// CustomGradient: the first operands are the results.
void copy_results(KernelContext& c) {
  for (int i = 0; i < c.num_outputs(); ++i) {
    if (c.output(i).bytes() > 0) std::memmove(c.output(i).raw(), c.input(i).raw(), c.output(i).bytes());
  }
}

void assign(KernelContext& c) { c.mutable_input(0).copy_from(c.input(1)); }

template <int sign>
void assign_change(KernelContext& c) {
  Tensor& variable = c.mutable_input(0);
  visit_dtype(variable.dtype(), [&]<class T>(TypeTag<T>) {
    T* v = variable.data<T>();
    const T* d = c.input(1).data<T>();
    for (std::int64_t i = 0; i < variable.num_elements(); ++i) {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {  // exact, and wraps around
        v[i] = static_cast<T>(sign > 0 ? wrapping(v[i]) + wrapping(d[i]) : wrapping(v[i]) - wrapping(d[i]));
      } else {
        v[i] = static_cast<T>(static_cast<double>(v[i]) + sign * static_cast<double>(d[i]));
      }
    }
  });
}

}  // namespace

void register_source_kernels(KernelRegistry& kernels, const char* device_type) {
  kernels.add("Identity", device_type, kAllDTypes, copy_kernel);
  kernels.add("StopGradient", device_type, kAllDTypes, copy_kernel);
  kernels.add("Assign", device_type, kAllDTypes, assign);
  kernels.add("AssignAdd", device_type, kNumeric, assign_change<1>);
  kernels.add("AssignSub", device_type, kNumeric, assign_change<-1>);
}

void register_custom_gradient_kernels(KernelRegistry& kernels, const char* device_type) {
  kernels.add("CustomGradient", device_type, kAllDTypes, copy_results);
}

}  // namespace gradus::common
