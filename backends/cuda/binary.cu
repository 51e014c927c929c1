// Element-wise ops of two operands, by the formulas that all fast backends share; sums of any number.
#include "gradus/backends/formulas/binary.h"

#include "gradus/backends/cuda/elementwise.h"
#include "gradus/core/integer_power.h"

namespace gradus::cuda {
namespace {

// A formula of integers whose second operand may be one that has no result: 0 to divide by, a negative power.
struct Checked {
  LoopNest nest;
  unsigned mistake = 0;
};
template <class F, class Refused>
struct CheckedFormula {
  template <class T>
  __device__ T operator()(T x, T y) const {
    if (!Refused{}(y)) return static_cast<T>(F{}(x, y));
    report(findings, mistake);
    return T{};
  }
  Finding* findings;
  unsigned mistake;
};
struct IsZero {
  template <class T>
  __device__ bool operator()(T y) const {
    return y == 0;
  }
};
struct IsNegative {
  template <class T>
  __device__ bool operator()(T y) const {
    if constexpr (std::is_signed_v<T>) return y < 0;
    return false;
  }
};

template <class F, class Refused>
void checked_kernel(KernelContext& c) {
  const auto& kept = c.kept<Checked>();
  const CheckedFormula<F, Refused> formula{device_of(c).findings(), kept.mistake};
  visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (kIntegers.contains(dtype_of<T>)) run_elementwise<2, T>(c, kept.nest, formula);
  });
}
void prepare_quotient(KernelContext& c) {
  c.keep(Checked{common::broadcast_nest(c, 2), add_mistake(c, Code::kInvalidArgument, "integer division by zero")});
}
void prepare_power(KernelContext& c) {
  c.keep(Checked{common::broadcast_nest(c, 2), add_mistake(c, Code::kInvalidArgument, kNegativePower)});
}

// The operands of one pass of a long sum.
constexpr int kSumOperands = 32;
template <class T>
struct Terms {
  const T* data[kSumOperands];
  int count;
};

// y = rounded(start + terms); `total`, where it is not null, keeps the sum unrounded for the next pass.
template <class T>
__global__ void add_terms(T* y, Compute<T>* total, bool first, Terms<T> terms, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    Compute<T> sum = first ? Compute<T>{} : total[i];
    for (int k = 0; k < terms.count; ++k) {
      sum = static_cast<Compute<T>>(wrapping(sum) + wrapping(static_cast<Compute<T>>(terms.data[k][i])));
    }
    if (total != nullptr) total[i] = sum;
    if (y != nullptr) y[i] = static_cast<T>(sum);
  }
}

// The result may take the memory of an operand, so that it is written in the last pass alone.
void add_n(KernelContext& c) {
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) {
      const std::int64_t n = c.output(0).num_elements();
      auto* const total = c.num_inputs() > kSumOperands ? c.scratch<Compute<T>>() : nullptr;
      for (int begin = 0; begin < c.num_inputs(); begin += kSumOperands) {
        Terms<T> terms{};
        for (int k = begin; k < c.num_inputs() && terms.count < kSumOperands; ++k) {
          terms.data[terms.count++] = static_cast<const T*>(c.input(k).raw());
        }
        const bool last = begin + kSumOperands >= c.num_inputs();
        run_over<add_terms<T>>(c, n, last ? c.output(0).data<T>() : nullptr, total, begin == 0, terms, n);
      }
    }
  });
}
void prepare_add_n(KernelContext& c) {
  if (c.num_inputs() <= kSumOperands) return;
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    c.request_scratch(static_cast<std::size_t>(c.output(0).num_elements()) * sizeof(Compute<T>));
  });
}

}  // namespace

void register_binary_kernels(KernelRegistry& kernels) {
  formulas::for_each_binary_formula(add_formula(kernels));
  kernels.add("Pow", kDevice, kIntegers, checked_kernel<formulas::IntegerPower, IsNegative>, prepare_power);
  kernels.add("FloorDiv", kDevice, kIntegers, checked_kernel<formulas::FloorDivide, IsZero>, prepare_quotient);
  kernels.add("FloorMod", kDevice, kIntegers, checked_kernel<formulas::FloorModulo, IsZero>, prepare_quotient);
  kernels.add("AddN", kDevice, kNumeric, add_n, prepare_add_n);
}

}  // namespace gradus::cuda
