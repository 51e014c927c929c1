// One formula per comparison and logical op; select and clip.
#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

void select(KernelContext& c) {
  const Shape& shape = c.output(0).shape();
  const bool* condition = c.input(0).data<bool>();
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    T* z = c.output(0).data<T>();
    for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) {
      const Tensor& chosen = condition[broadcast_index(c.input(0).shape(), shape, i)] ? c.input(1) : c.input(2);
      z[i] = chosen.data<T>()[broadcast_index(chosen.shape(), shape, i)];
    }
  });
}

}  // namespace

void register_compare_kernels(KernelRegistry& kernels) {
  const auto add = [&](const char* op, DTypeSet dtypes, KernelFn kernel) { kernels.add(op, kDevice, dtypes, kernel); };
  add("Equal", kAllDTypes, elementwise<2>([](auto x, auto y) { return x == y; }));
  add("NotEqual", kAllDTypes, elementwise<2>([](auto x, auto y) { return x != y; }));
  add("Less", kNumeric, elementwise<2>([](auto x, auto y) { return x < y; }));
  add("LessEqual", kNumeric, elementwise<2>([](auto x, auto y) { return x <= y; }));
  add("Greater", kNumeric, elementwise<2>([](auto x, auto y) { return x > y; }));
  add("GreaterEqual", kNumeric, elementwise<2>([](auto x, auto y) { return x >= y; }));
  add("LogicalAnd", {DType::kBool}, elementwise<2>([](auto x, auto y) { return x != 0 && y != 0; }));
  add("LogicalOr", {DType::kBool}, elementwise<2>([](auto x, auto y) { return x != 0 || y != 0; }));
  add("LogicalNot", {DType::kBool}, elementwise<1>([](auto x) { return x == 0; }));
  add("Select", kAllDTypes, select);
  add("ClipByValue", kNumeric, elementwise<3>([](auto x, auto low, auto high) {
        const auto raised = x > low || x != x ? x : low;
        return raised < high || raised != raised ? raised : high;
      }));
}

}  // namespace gradus::reference
