#include "cases/op_case.h"

namespace gradus::cases {

Operand real(Shape shape, double low, double high, std::vector<double> kinks) {
  return {.kind = Operand::Kind::kReal, .shape = shape, .low = low, .high = high, .kinks = std::move(kinks)};
}

Operand distinct(Shape shape) { return {.kind = Operand::Kind::kDistinct, .shape = shape}; }

Operand fixed(Tensor value) {
  return {.kind = Operand::Kind::kFixed, .shape = value.shape(), .value = std::move(value)};
}

Operand accumulated(Operand operand) {
  operand.accumulated = true;
  return operand;
}
Operand int32s(std::vector<std::int32_t> values) { return fixed(Tensor::from(values)); }
Operand int32s(Shape shape, std::vector<std::int32_t> values) { return fixed(Tensor::from(shape, values)); }
Operand int64s(Shape shape, std::vector<std::int64_t> values) { return fixed(Tensor::from(shape, values)); }

Operand bools(Shape shape, std::vector<int> values) {
  return fixed(Tensor::from(shape, std::vector<std::int32_t>(values.begin(), values.end())).cast(DType::kBool));
}

void CaseAdder::operator()(const char* op, const char* name, std::vector<Operand> operands, Attrs attrs) const {
  cases.push_back(
      {.op = op, .name = name, .operands = std::move(operands), .attrs = std::move(attrs), .dtypes = kCaseDTypes});
}

}  // namespace gradus::cases
