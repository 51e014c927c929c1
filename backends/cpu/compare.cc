// Comparisons and logical ops, by the formulas that all fast backends share; select.
#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/formulas/binary.h"

namespace gradus::cpu {
namespace {

// Elements are only moved, so their size is all that matters.
template <class Bits>
void select_typed(KernelContext& c) {
  const unsigned advancing = advancing_operands(c);
  const bool* condition = c.input(0).data<bool>();
  const Bits* x = static_cast<const Bits*>(c.input(1).raw());
  const Bits* y = static_cast<const Bits*>(c.input(2).raw());
  Bits* z = static_cast<Bits*>(c.output(0).raw());
  for_rows(c, [&](const LoopNest::Offsets& offsets, std::int64_t begin, std::int64_t n) {
    const auto choose = [](bool chosen, Bits a,
                           Bits b) {  // by masks: a branch would keep the loop from being vectorised
      const Bits mask = static_cast<Bits>(Bits{0} - static_cast<Bits>(chosen));
      return static_cast<Bits>((a & mask) | (b & static_cast<Bits>(~mask)));
    };
    run_row<true>(choose, advancing, z + begin, n, condition + offsets[0], x + offsets[1], y + offsets[2]);
  });
}

void select(KernelContext& c) {
  visit_bits(dtype_size(c.output(0).dtype()), [&]<class Bits>(TypeTag<Bits>) { select_typed<Bits>(c); });
}

}  // namespace

void register_compare_kernels(KernelRegistry& kernels) {
  formulas::for_each_compare_formula(add_formula(kernels));
  kernels.add("Select", kDevice, kAllDTypes, select, prepare_elementwise<3>);
}

}  // namespace gradus::cpu
