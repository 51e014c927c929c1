// What depends on a shape alone, and the ops that only give a tensor another one.
#include <cstring>

#include "gradus/backends/common/kernels.h"

namespace gradus::common {
namespace {

void shape_kernel(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  for (int i = 0; i < x.rank(); ++i) c.output(0).data<std::int32_t>()[i] = static_cast<std::int32_t>(x[i]);
}
void size_kernel(KernelContext& c) {
  *c.output(0).data<std::int32_t>() = static_cast<std::int32_t>(c.input(0).num_elements());
}
void rank_kernel(KernelContext& c) { *c.output(0).data<std::int32_t>() = c.input(0).shape().rank(); }

// Runs only where the view cannot share its operand's memory.
void view_kernel(KernelContext& c) {
  if (c.output(0).bytes() > 0) std::memmove(c.output(0).raw(), c.input(0).raw(), c.output(0).bytes());
}

}  // namespace

void register_shape_kernels(KernelRegistry& kernels, const char* device_type) {
  kernels.add("Shape", device_type, kAllDTypes, shape_kernel);
  kernels.add("Size", device_type, kAllDTypes, size_kernel);
  kernels.add("Rank", device_type, kAllDTypes, rank_kernel);
}

void register_reshape_kernels(KernelRegistry& kernels, const char* device_type) {
  for (const char* view : {"Reshape", "ExpandDims", "Squeeze"}) kernels.add(view, device_type, kAllDTypes, view_kernel);
}

}  // namespace gradus::common
