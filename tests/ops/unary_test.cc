#include "gradus/ops/unary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

class Unary : public ::testing::Test {
 protected:
  Tensor on_cpu(const Output& y) {
    Session session(graph, {.device = "cpu:0", .flush_subnormals = false});
    return session.run({y})[0];
  }
  Output doubles(const Values& values) { return constant(graph, values); }
  Graph graph;
};

TEST_F(Unary, KnownValues) {
  // Abramowitz and Stegun: erf(0.5) = 0.5204998778; tables of the normal distribution: Phi(1) = 0.8413447461.
  EXPECT_NEAR(on_cpu(erf(doubles({0.5}))).at(0), 0.5204998778130465, 1e-15);
  EXPECT_NEAR(on_cpu(gelu(doubles({1}))).at(0), 0.8413447460685429, 1e-15);
  EXPECT_NEAR(on_cpu(sigmoid(doubles({std::log(3.0)}))).at(0), 0.75, 1e-15);
  EXPECT_NEAR(on_cpu(softplus(doubles({0}))).at(0), std::log(2.0), 1e-15);
  EXPECT_NEAR(on_cpu(tanh(doubles({std::log(2.0)}))).at(0), 0.6, 1e-15);  // (2 - 1/2) / (2 + 1/2)
  EXPECT_EQ(elements(run_both(relu6(doubles({-1, 3, 7})))), (Values{0, 3, 6}));
  EXPECT_EQ(elements(run_both(leaky_relu(doubles({-2, 3}), 0.25))), (Values{-0.5, 3}));
  EXPECT_EQ(elements(run_both(rsqrt(doubles({4, 0.25})))), (Values{0.5, 2}));
  EXPECT_EQ(elements(run_both(sign(doubles({-3, 0, 2})))), (Values{-1, 0, 1}));
  EXPECT_NEAR(on_cpu(elu(doubles({-1}))).at(0), std::exp(-1.0) - 1, 1e-15);
}

TEST_F(Unary, Float32IsAccurateOverTheWholeRange) {
  struct Elementwise {
    Output (*op)(const Output&, At);
    double (*exact)(double);
    double low, high;
  };
  const Elementwise functions[] = {
      {exp, std::exp, -80, 80}, {log, std::log, 1e-6, 1e6}, {log1p, std::log1p, -0.999, 50}, {sin, std::sin, -50, 50},
      {cos, std::cos, -50, 50}, {tanh, std::tanh, -12, 12}, {sqrt, std::sqrt, 0, 1e6},       {erf, std::erf, -5, 5}};
  const Tensor x = random_uniform_tensor(DType::kFloat32, {5003}, 7);
  for (const Elementwise& f : functions) {
    Tensor scaled = x.clone();
    for (std::int64_t i = 0; i < x.num_elements(); ++i) scaled.set(i, f.low + (f.high - f.low) * x.at(i));
    const Output y = f.op(constant(graph, scaled), {});
    const Tensor value = on_cpu(y);
    for (std::int64_t i = 0; i < x.num_elements(); ++i) {
      const double expected = f.exact(scaled.at(i));
      ASSERT_NEAR(value.at(i), expected, 3e-7 * std::max(1.0, std::abs(expected)))
          << y.node().op() << "(" << scaled.at(i) << ")";
    }
  }
}

// Between the largest finite power and the smallest positive one, at both ends of which a fast exp is tempted to stop early.
TEST_F(Unary, ExponentialsReachBothEndsOfTheNumbers) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const bool narrow = dtype == DType::kFloat32;
    const double top = narrow ? 88.7 : 709.7, normal = narrow ? -87.3 : -708.3, bottom = narrow ? -103 : -745;
    const double epsilon = narrow ? 0x1p-23 : 0x1p-52, smallest = narrow ? 0x1p-149 : 0x1p-1074;
    Tensor t(dtype, {1999});
    for (std::int64_t i = 0; i < 1999; ++i) t.set(i, bottom + (top - bottom) * static_cast<double>(i) / 1998);
    const Output x = constant(graph, t);
    const Tensor power = on_cpu(exp(x)), root = on_cpu(sigmoid(x)), log_sum = on_cpu(softplus(x)),
                 unit = on_cpu(elu(x));
    for (std::int64_t i = 0; i < 1999; ++i) {
      const double v = t.at(i), e = std::exp(v);
      ASSERT_NEAR(power.at(i), e, epsilon * e + smallest) << v << " " << dtype_name(dtype);
      if (v < normal) continue;
      ASSERT_NEAR(root.at(i), v < 0 ? e / (1 + e) : 1 / (1 + 1 / e), 3 * epsilon * std::min(e, 1.0)) << v;
      ASSERT_NEAR(log_sum.at(i), std::log1p(std::min(e, 1 / e)) + std::max(v, 0.0),
                  4 * epsilon * std::max(v, std::min(e, 1.0)))
          << v;
      ASSERT_NEAR(unit.at(i), v < 0 ? std::expm1(v) : v, 2 * epsilon * std::abs(v)) << v;
    }
    const Tensor small = Tensor::full(dtype, {19}, -1e-3);
    EXPECT_NEAR(on_cpu(elu(constant(graph, small))).at(0) / std::expm1(small.at(0)), 1, 2 * epsilon);
  }
}

TEST_F(Unary, NaNStaysNaNAndInfinitiesHaveTheirLimits) {
  for (const DType dtype : kDTypes) {
    Tensor t(dtype, {19});  // long enough for vector code
    t.fill(std::nan(""));
    const Output nan = constant(graph, t);
    for (const Output& y :
         {negate(nan), abs(nan),   sign(nan),       square(nan), sqrt(nan), rsqrt(nan),   exp(nan),
          log(nan),    log1p(nan), sin(nan),        cos(nan),    tanh(nan), sigmoid(nan), softplus(nan),
          relu(nan),   relu6(nan), leaky_relu(nan), elu(nan),    gelu(nan), erf(nan)}) {
      const Tensor value = on_cpu(y);
      for (std::int64_t i = 0; i < 19; ++i)
        ASSERT_TRUE(std::isnan(value.at(i))) << y.node().op() << " " << dtype_name(dtype);
    }
    t.fill(kInf);
    const Output inf = constant(graph, t), minus = negate(inf);
    const auto first = [&](const Output& y) { return on_cpu(y).at(0); };
    EXPECT_EQ(first(exp(inf)), kInf);
    EXPECT_EQ(first(exp(minus)), 0);
    EXPECT_EQ(first(exp(constant(graph, Tensor::full(dtype, {19}, 800)))), kInf);
    EXPECT_EQ(first(exp(constant(graph, Tensor::full(dtype, {19}, -800)))), 0);
    EXPECT_EQ(first(log(inf)), kInf);
    EXPECT_EQ(first(tanh(minus)), -1);
    EXPECT_EQ(first(sigmoid(inf)), 1);
    EXPECT_EQ(first(sigmoid(minus)), 0);
    EXPECT_EQ(first(softplus(inf)), kInf);
    EXPECT_EQ(first(softplus(minus)), 0);
    EXPECT_EQ(first(log(constant(graph, Tensor::zeros(dtype, {19})))), -kInf);
    EXPECT_EQ(first(rsqrt(constant(graph, Tensor::zeros(dtype, {19})))), kInf);
  }
}

TEST_F(Unary, KinksFollowTensorFlow) {
  const Output x = doubles({0, 6});
  const auto slope = [&](const Output& y) { return elements(run_both(gradients(y, {x})[0])); };
  EXPECT_EQ(slope(relu(x)), (Values{0, 1}));
  EXPECT_EQ(slope(relu6(x)), (Values{0, 0}));
  EXPECT_EQ(slope(abs(x)), (Values{0, 1}));
  EXPECT_EQ(slope(leaky_relu(x, 0.25)), (Values{0.25, 1}));
  EXPECT_EQ(slope(elu(x)), (Values{1, 1}));
}

// alpha (e^x - 1) and its slope alpha e^x at -ln 2, where e^x is 1/2.
TEST_F(Unary, EluTakesAlpha) {
  const Output x = doubles({-std::log(2.0), 0, 3, -kInf});
  for (const double alpha : {1.0, 0.5, 0.0, -2.0}) {
    const Output y = elu(x, alpha, "elu"), dx = gradients(y, {x})[0], d2x = gradients(dx, {x})[0];
    for (const char* device : {"cpu:0", "ref:0"}) {
      Session session(graph, {.device = device});
      const auto r = session.run({y, dx, d2x});
      const Values expected[] = {{-0.5 * alpha, 0, 3, -alpha}, {0.5 * alpha, 1, 1, 0}, {0.5 * alpha, 0, 0, 0}};
      for (std::size_t k = 0; k < 3; ++k) {
        for (std::size_t i = 0; i < 4; ++i) {
          EXPECT_NEAR(r[k].at(static_cast<std::int64_t>(i)), expected[k][i], 1e-15) << alpha << " " << device << k << i;
        }
      }
    }
  }
  EXPECT_EQ(elu(x).node().attrs(), Attrs(EluAttrs{1.0}));
  EXPECT_EQ(elu(x, "named").name(), "named");
}

TEST_F(Unary, SimpleOpsKeepTheSignOfZeroAndPassOnNaN) {
  const double nan = std::nan("");
  const Output x = doubles({0.0, -0.0, kInf, -kInf, nan, 0x1p-1074, -0x1p-1074});
  struct SignCase {
    Output y;
    Values expected;
  };
  const SignCase cases[] = {{negate(x), {-0.0, 0.0, -kInf, kInf, nan, -0x1p-1074, 0x1p-1074}},
                            {abs(x), {0.0, 0.0, kInf, kInf, nan, 0x1p-1074, 0x1p-1074}},
                            {sign(x), {0.0, -0.0, 1, -1, nan, 1, -1}},
                            {relu(x), {0.0, -0.0, kInf, 0.0, nan, 0x1p-1074, 0.0}},
                            {relu6(x), {0.0, -0.0, 6, 0.0, nan, 0x1p-1074, 0.0}},
                            {leaky_relu(x, 0.5), {0.0, -0.0, kInf, -kInf, nan, 0x1p-1074, -0.0}},
                            {gradients(abs(x), {x})[0], {0.0, -0.0, 1, -1, nan, 1, -1}},
                            {gradients(relu(x), {x})[0], {0, 0, 1, 0, 0, 1, 0}}};
  for (const SignCase& c : cases) {
    const Tensor y = run_both(c.y);
    for (std::size_t i = 0; i < c.expected.size(); ++i) {
      const double got = y.at(static_cast<std::int64_t>(i));
      EXPECT_TRUE(std::isnan(c.expected[i]) ? std::isnan(got)
                                            : got == c.expected[i] && std::signbit(got) == std::signbit(c.expected[i]))
          << c.y.node().op() << " " << i << ": " << got;
    }
  }
}

// x^2 of 300 is no float16, that of 1e38 no bfloat16.
TEST_F(Unary, GeluOf16BitsHasItsLimits) {
  for (const auto& [dtype, largest] : {std::pair{DType::kFloat16, 65504.0}, {DType::kBFloat16, 0x1.fep127}}) {
    const Output x = cast(doubles({300, -300, 255, largest, -largest, kInf, -kInf}), dtype);
    const Output y = gelu(x), dx = gradients(y, {x})[0];
    const Output d2x = gradients(dx, {x})[0];
    for (const char* device : {"cpu:0", "ref:0"}) {
      Session session(graph, {.device = device});
      const auto r = session.run({y, dx, d2x});
      EXPECT_EQ(elements(r[0]), (Values{300, 0, 255, largest, 0, kInf, 0})) << device;
      EXPECT_EQ(elements(r[1]), (Values{1, 0, 1, 1, 0, 1, 0})) << device;
      EXPECT_EQ(elements(r[2]), Values(7, 0)) << device;
    }
  }
}

TEST_F(Unary, OrdersOfDerivativesStartAtOne) {
  const Output x = doubles({1});
  expect_error(Code::kInvalidArgument, "order must be 1 or more; got 0", [&] { gelu_grad(x, x, {.order = 0}); });
}

TEST_F(Unary, CastTruncatesTowardsZero) {
  const Output x = doubles({-1.75, 0, 2.9});
  EXPECT_EQ(elements(run_both(cast(x, DType::kInt32))), (Values{-1, 0, 2}));
  EXPECT_EQ(elements(run_both(cast(x, DType::kBool))), (Values{1, 0, 1}));
  const Output beyond = doubles({std::nan(""), kInf, -kInf, 3e9, -3e9, 300, -1});
  EXPECT_EQ(elements(run_both(cast(beyond, DType::kInt32))),
            (Values{0, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 300, -1}));
  EXPECT_EQ(elements(run_both(cast(beyond, DType::kUInt8))), (Values{0, 255, 0, 255, 0, 255, 0}));
  // 2049 lies between the float16 numbers 2048 and 2050: ties go to even.
  EXPECT_EQ(elements(run_both(cast(doubles({2049, 65520}), DType::kFloat16))), (Values{2048, kInf}));
  // 257 lies between the bfloat16 numbers 256 and 258, the other half way from the largest to 2^128.
  EXPECT_EQ(elements(run_both(cast(doubles({257, 0x1.ffp127, 65520}), DType::kBFloat16))), (Values{256, kInf, 65536}));
}

TEST_F(Unary, ErrorsNameOperandAndDtype) {
  const Output i = constant(graph, std::vector<std::int32_t>{1});
  const Output b = cast(i, DType::kBool);
  expect_error(Code::kInvalidArgument, "[Exp 'e' at unary_test.cc:", [&] { exp(i, "e"); });
  expect_error(Code::kInvalidArgument, "x must be float16, bfloat16, float32 or float64; got int32", [&] { exp(i); });
  expect_error(Code::kInvalidArgument, "x must be numeric; got bool", [&] { negate(b); });
  expect_error(Code::kInvalidArgument,
               "dy and the other operand must have the same shape; got dy [2] and the other operand [3]", [&] {
                 relu_grad(doubles({1, 2}), doubles({1, 2, 3}));
               });
}

}  // namespace
}  // namespace gradus
