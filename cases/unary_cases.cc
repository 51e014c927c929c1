// Cases of the element-wise ops of one operand, and of the ops that compute their gradients.
#include "cases/all_cases.h"
#include "gradus/ops/unary.h"

namespace gradus::cases {
namespace {

struct UnaryDomain {
  const char* op;
  double low = -2, high = 2;
  std::vector<double> kinks = {};
  Attrs attrs = {};
};

}  // namespace

void add_unary_cases(std::vector<OpCase>& cases) {
  const UnaryDomain unary[] = {{"Neg"},
                               {"Abs", -2, 2, {0}},
                               {"Sign", -2, 2, {0}},
                               {"Square"},
                               {"Sqrt", 0.3, 3},
                               {"Rsqrt", 0.3, 3},
                               {"Exp"},
                               {"Log", 0.3, 3},
                               {"Log1p", -0.6, 3},
                               {"Sin", -4, 4},
                               {"Cos", -4, 4},
                               {"Tanh"},
                               {"Sigmoid", -4, 4},
                               {"Softplus", -4, 4},
                               {"Relu", -2, 2, {0}},
                               {"Relu6", -3, 9, {0, 6}},
                               {"LeakyRelu", -2, 2, {0}, LeakyReluAttrs{0.3}},
                               {"Elu", -2, 2, {0}, EluAttrs{0.7}},
                               {"Gelu", -3, 3},
                               {"Erf"}};
  for (const UnaryDomain& d : unary) {
    const auto add = [&](const char* name, const Shape& shape) -> OpCase& {
      cases.push_back({.op = d.op,
                       .name = name,
                       .operands = {real(shape, d.low, d.high, d.kinks)},
                       .attrs = d.attrs,
                       .dtypes = kCaseDTypes});
      return cases.back();
    };
    add("matrix", {3, 7});
    add("scalar", {});
    add("empty", {2, 0, 3});
    OpCase& chunks = add("chunks", {5, 6607});  // three chunks, the last one odd
    chunks.max_order = 0;
    chunks.max_order_reason = "the formula of the smaller cases";
  }

  const UnaryDomain gradients[] = {
      {"ReluGrad", -2, 2, {0}}, {"Relu6Grad", -3, 9, {0, 6}}, {"EluGrad", -2, 2, {0}, EluAttrs{0.7}},
      {"TanhGrad", -2, 2},      {"SigmoidGrad", -4, 4},       {"LeakyReluGrad", -2, 2, {0}, LeakyReluAttrs{0.3}}};
  for (const UnaryDomain& d : gradients) {
    cases.push_back({.op = d.op,
                     .name = "matrix",
                     .operands = {real({3, 7}), real({3, 7}, d.low, d.high, d.kinks)},
                     .attrs = d.attrs,
                     .dtypes = kCaseDTypes});
  }
  for (const char* op : {"GeluGrad", "ErfGrad"}) {
    for (const std::int64_t order : {1, 2, 3, 4, 5}) {
      cases.push_back({.op = op,
                       .name = "order" + std::to_string(order),
                       .operands = {real({3, 7}), real({3, 7}, -3, 3)},
                       .attrs = DerivativeAttrs{order},
                       .dtypes = kCaseDTypes});
    }
  }

  for (const char* op : {"Neg", "Abs", "Sign", "Square", "Relu", "Relu6"}) {
    cases.push_back({.op = op, .name = "int32", .operands = {int32s({-7, 0, 3, 8, INT32_MIN, INT32_MAX})}});
    cases.push_back({.op = op, .name = "int64", .operands = {int64s({2, 2}, {-7, 0, INT64_MIN, INT64_MAX})}});
    cases.push_back({.op = op, .name = "uint8", .operands = {fixed(Tensor::from<std::uint8_t>({0, 1, 7, 255}))}});
  }
  for (const DType to : {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64, DType::kInt32,
                         DType::kInt64, DType::kBool}) {
    const std::string name = std::string("to_") + dtype_name(to);
    cases.push_back(
        {.op = "Cast",
         .name = "real_" + name,
         .operands = {real({3, 5}, -9, 9, {0})},
         .attrs = CastAttrs{to},
         .dtypes = kCaseDTypes,
         .max_order = to == DType::kFloat64 ? 2 : 0,
         .max_order_reason = to == DType::kFloat64 ? "" : "a conversion that rounds has no finite differences"});
    cases.push_back(
        {.op = "Cast", .name = "int32_" + name, .operands = {int32s({-3, 0, 1, 77})}, .attrs = CastAttrs{to}});
    cases.push_back(
        {.op = "Cast", .name = "bool_" + name, .operands = {bools({3}, {1, 0, 1})}, .attrs = CastAttrs{to}});
  }
  cases.push_back({.op = "Cast",
                   .name = "int64_to_uint8",
                   .operands = {int64s({3}, {0, 200, 255})},
                   .attrs = CastAttrs{DType::kUInt8}});
}

}  // namespace gradus::cases
