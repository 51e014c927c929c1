// Element-wise ops of two operands, by the formulas that all fast backends share.
#include "gradus/backends/formulas/binary.h"

#include "gradus/backends/cpu/elementwise.h"

namespace gradus::cpu {
namespace {

// Integer quotients look at all divisors first, so that the loops stay plain.
template <class F>
KernelFn quotient(F) {
  return [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (kIntegers.contains(dtype_of<T>)) {
        const auto divisors = c.input(1).flat<T>();
        if (c.output(0).num_elements() > 0 && std::find(divisors.begin(), divisors.end(), T{0}) != divisors.end()) {
          c.fail(Code::kInvalidArgument, "integer division by zero");
        }
        run_elementwise<2, T>(c, F{});
      }
    });
  };
}

void integer_pow(KernelContext& c) {
  visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (kIntegers.contains(dtype_of<T>)) {
      const auto powers = c.input(1).flat<T>();
      if (c.output(0).num_elements() > 0 && std::any_of(powers.begin(), powers.end(), [](T y) { return y < 0; })) {
        c.fail(Code::kInvalidArgument, kNegativePower);
      }
      run_elementwise<2, T>(c, formulas::IntegerPower{});
    }
  });
}

// Sums blocks in a buffer, because the result may take the memory of an operand that occurs twice.
template <class T>
void add_n_typed(KernelContext& c) {
  using C = Compute<T>;
  constexpr std::int64_t kBlock = 1024;
  const auto plus = [](C x, C y) { return wrapping(x) + wrapping(y); };
  T* const sum = c.output(0).data<T>();
  c.parallel_for(c.output(0).num_elements(), kComputeChunk, [&](std::int64_t begin, std::int64_t end) {
    C total[kBlock];
    [[maybe_unused]] C wide[kBlock];
    for (std::int64_t i = begin; i < end; i += kBlock) {
      const std::int64_t n = std::min(kBlock, end - i);
      std::fill_n(total, n, C{0});
      for (int k = 0; k < c.num_inputs(); ++k) {
        const T* const x = static_cast<const T*>(c.input(k).raw()) + i;
        if constexpr (is_half_type<T>) {
          widen(x, wide, n);
          run_row<false>(plus, 3u, total, n, static_cast<const C*>(total), static_cast<const C*>(wide));
        } else {
          run_row<false>(plus, 3u, total, n, static_cast<const C*>(total), x);
        }
      }
      if constexpr (is_half_type<T>) {
        narrow(total, sum + i, n);
      } else {
        std::copy_n(total, n, sum + i);
      }
    }
  });
}

void add_n(KernelContext& c) {
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) add_n_typed<T>(c);
  });
}

}  // namespace

void register_binary_kernels(KernelRegistry& kernels) {
  formulas::for_each_binary_formula(add_formula(kernels));
  kernels.add("Pow", kDevice, kIntegers, integer_pow, prepare_elementwise<2>);
  kernels.add("FloorDiv", kDevice, kIntegers, quotient(formulas::FloorDivide{}), prepare_elementwise<2>);
  kernels.add("FloorMod", kDevice, kIntegers, quotient(formulas::FloorModulo{}), prepare_elementwise<2>);
  kernels.add("AddN", kDevice, kNumeric, add_n);
}

}  // namespace gradus::cpu
