// Comparisons and logical ops, by the formulas that all fast backends share; select.
#include "gradus/backends/cuda/elementwise.h"
#include "gradus/backends/formulas/binary.h"

namespace gradus::cuda {
namespace {

// Elements are only moved, so their size is all that matters.
template <class Bits>
__global__ void select(Bits* z, const bool* condition, const Bits* x, const Bits* y, Loops<3> loops, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t offsets[3] = {};
    find_narrow_offsets(loops, i, n, offsets);
    z[i] = condition[offsets[0]] ? x[offsets[1]] : y[offsets[2]];
  }
}

void select_kernel(KernelContext& c) {
  visit_bits(dtype_size(c.output(0).dtype()), [&]<class Bits>(TypeTag<Bits>) {
    const std::int64_t n = c.output(0).num_elements();
    run_over<select<Bits>>(c, n, static_cast<Bits*>(c.output(0).raw()), c.input(0).data<bool>(),
                           static_cast<const Bits*>(c.input(1).raw()), static_cast<const Bits*>(c.input(2).raw()),
                           Loops<3>(c.kept<LoopNest>()), n);
  });
}

}  // namespace

void register_compare_kernels(KernelRegistry& kernels) {
  formulas::for_each_compare_formula(add_formula(kernels));
  kernels.add("Select", kDevice, kAllDTypes, select_kernel, prepare_elementwise<3>);
}

}  // namespace gradus::cuda
