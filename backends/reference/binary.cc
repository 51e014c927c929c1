// One formula per element-wise op of two operands.
#include <cmath>

#include "gradus/backends/reference/elementwise.h"
#include "gradus/backends/reference/kernels.h"
#include "gradus/core/integer_power.h"

namespace gradus::reference {
namespace {

std::int64_t divisor(std::int64_t y, KernelContext& c) {
  if (y == 0) c.fail(Code::kInvalidArgument, "integer division by zero");
  return y;
}

void add_n(KernelContext& c) {
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    T* sum = c.output(0).data<T>();
    for (std::int64_t i = 0; i < c.output(0).num_elements(); ++i) {
      Wide<T> total = 0;
      for (int k = 0; k < c.num_inputs(); ++k) {
        total = static_cast<Wide<T>>(wrapping(total) + wrapping(static_cast<Wide<T>>(c.input(k).data<T>()[i])));
      }
      sum[i] = static_cast<T>(total);
    }
  });
}

}  // namespace

void register_binary_kernels(KernelRegistry& kernels) {
  const auto numeric = [&](const char* op, KernelFn kernel) { kernels.add(op, kDevice, kNumeric, kernel); };
  numeric("Add", elementwise<2>([](auto x, auto y) { return wrapping(x) + wrapping(y); }));
  numeric("Sub", elementwise<2>([](auto x, auto y) { return wrapping(x) - wrapping(y); }));
  numeric("Mul", elementwise<2>([](auto x, auto y) { return wrapping(x) * wrapping(y); }));
  numeric("Maximum", elementwise<2>([](auto x, auto y) { return x > y || x != x ? x : y; }));
  numeric("Minimum", elementwise<2>([](auto x, auto y) { return x < y || x != x ? x : y; }));
  numeric("SquaredDifference",
          elementwise<2>([](auto x, auto y) { return (wrapping(x) - wrapping(y)) * (wrapping(x) - wrapping(y)); }));
  kernels.add("RealDiv", kDevice, kFloating, real_elementwise<2>([](double x, double y) { return x / y; }));
  kernels.add("Pow", kDevice, kFloating, real_elementwise<2>([](double x, double y) { return std::pow(x, y); }));
  kernels.add("Pow", kDevice, kIntegers, integer_elementwise<2>([](std::int64_t x, std::int64_t y, KernelContext& c) {
                if (y < 0) c.fail(Code::kInvalidArgument, kNegativePower);
                return integer_power(x, y);
              }));
  kernels.add("FloorDiv", kDevice, kIntegers,
              integer_elementwise<2>(
                  [](std::int64_t x, std::int64_t y, KernelContext& c) { return floor_quotient(x, divisor(y, c)); }));
  kernels.add("FloorMod", kDevice, kIntegers,
              integer_elementwise<2>([](std::int64_t x, std::int64_t y, KernelContext& c) {
                return wrapping(x) - wrapping(floor_quotient(x, divisor(y, c))) * wrapping(y);
              }));
  numeric("AddN", add_n);
}

}  // namespace gradus::reference
