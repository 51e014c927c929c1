// Copies, assignments, and views that could not share their operand's memory.
#include "gradus/backends/cuda/kernels.h"
#include "gradus/core/wrapping.h"

namespace gradus::cuda {
namespace {

void copy_to(KernelContext& c, Tensor& to, const Tensor& from) {
  if (to.raw() != from.raw()) c.device().copy(to.raw(), from.raw(), to.bytes());
}

// CustomGradient: the first operands are the results. Of the others there is one result.
void copy_results(KernelContext& c) {
  for (int i = 0; i < c.num_outputs(); ++i) copy_to(c, c.output(i), c.input(i));
}

void assign(KernelContext& c) { copy_to(c, c.mutable_input(0), c.input(1)); }

template <class T, int sign>
__global__ void change(T* variable, const T* by, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const auto v = wrapping(static_cast<Compute<T>>(variable[i])), d = wrapping(static_cast<Compute<T>>(by[i]));
    variable[i] = static_cast<T>(static_cast<Compute<T>>(sign > 0 ? v + d : v - d));
  }
}

template <int sign>
void assign_change(KernelContext& c) {
  Tensor& variable = c.mutable_input(0);
  visit_dtype(variable.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) {
      run_over<change<T, sign>>(c, variable.num_elements(), variable.data<T>(), c.input(1).data<T>(),
                                variable.num_elements());
    }
  });
}

// What depends on a shape alone.
struct Sizes {
  std::int32_t values[Shape::kMaxRank];
};
__global__ void store_sizes(std::int32_t* y, Sizes sizes, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) y[i] = sizes.values[i];
}
void shape_kernel(KernelContext& c) {
  Sizes sizes{};
  const Shape& x = c.input(0).shape();
  for (int d = 0; d < x.rank(); ++d) sizes.values[d] = static_cast<std::int32_t>(x[d]);
  run_over<store_sizes>(c, x.rank(), c.output(0).data<std::int32_t>(), sizes, x.rank());
}
void size_kernel(KernelContext& c) {
  run_over<store_sizes>(c, 1, c.output(0).data<std::int32_t>(),
                        Sizes{{static_cast<std::int32_t>(c.input(0).num_elements())}}, 1);
}
void rank_kernel(KernelContext& c) {
  run_over<store_sizes>(c, 1, c.output(0).data<std::int32_t>(), Sizes{{c.input(0).shape().rank()}}, 1);
}

}  // namespace

void register_source_kernels(KernelRegistry& kernels) {
  kernels.add("Identity", kDevice, kAllDTypes, copy_results);
  kernels.add("StopGradient", kDevice, kAllDTypes, copy_results);
  kernels.add("Assign", kDevice, kAllDTypes, assign);
  kernels.add("AssignAdd", kDevice, kNumeric, assign_change<1>);
  kernels.add("AssignSub", kDevice, kNumeric, assign_change<-1>);
}

void register_custom_gradient_kernels(KernelRegistry& kernels) {
  kernels.add("CustomGradient", kDevice, kAllDTypes, copy_results);
}

void register_shape_kernels(KernelRegistry& kernels) {
  kernels.add("Shape", kDevice, kAllDTypes, shape_kernel);
  kernels.add("Size", kDevice, kAllDTypes, size_kernel);
  kernels.add("Rank", kDevice, kAllDTypes, rank_kernel);
}

void register_reshape_kernels(KernelRegistry& kernels) {
  for (const char* view : {"Reshape", "ExpandDims", "Squeeze"}) kernels.add(view, kDevice, kAllDTypes, copy_results);
}

}  // namespace gradus::cuda
