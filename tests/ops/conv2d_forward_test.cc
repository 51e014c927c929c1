// Every convolution of the matrix, its gradient ops included: CPU against the reference backend in float64, the
// reference against loops that share no code with the library. All operands are exact in every dtype, so that
// differences come from the kernels' arithmetic alone. Outputs are filled with NaN first.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/conv2d_matrix.h"

namespace gradus::testing {
namespace {

constexpr struct {
  DType dtype;
  double tolerance;
} kTolerances[] = {
    {DType::kFloat64, 1e-12}, {DType::kFloat32, 1e-5}, {DType::kFloat16, 2e-3}, {DType::kBFloat16, 1.6e-2}};

void expect_close(const ConvResults& got, const ConvResults& expected, double tolerance, const std::string& what) {
  EXPECT_LE(relative_difference(got.y, expected.y), tolerance) << "conv2d " << what;
  EXPECT_LE(relative_difference(got.dx, expected.dx), tolerance) << "conv2d_backprop_input " << what;
  EXPECT_LE(relative_difference(got.dw, expected.dw), tolerance) << "conv2d_backprop_filter " << what;
}

void check_all(const std::vector<ConvCase>& cases, std::vector<ConvAlgorithm> algorithms = {ConvAlgorithm::kAuto}) {
  ASSERT_FALSE(cases.empty());
  for (const ConvCase& c : cases) {
    const ConvOperands exact = conv_operands(c, DType::kFloat64);
    const ConvResults reference = run_convolutions(c, exact, "ref:0");
    expect_close(reference, naive_convolutions(c, exact), 1e-12, "reference " + c.name);
    for (const auto& [dtype, tolerance] : kTolerances) {
      for (const ConvAlgorithm algorithm : algorithms) {
        const ConvResults cpu = run_convolutions(c, conv_operands(c, dtype), "cpu:0", 2, algorithm);
        expect_close(cpu, reference, tolerance,
                     fmt::format("{} {} {}", dtype_name(dtype), conv_algorithm_name(algorithm), c.name));
        EXPECT_EQ(cpu.y.dtype(), dtype);
      }
    }
    if (::testing::Test::HasFailure()) FAIL() << "stopped at " << c.name;
  }
}

// No case of the product has a shape for Winograd: for these, kAuto and kWinograd are kDirect.
const std::vector<ConvAlgorithm> kDirectAndGemm{ConvAlgorithm::kDirect, ConvAlgorithm::kGemm};
const std::vector<ConvAlgorithm> kEvery{ConvAlgorithm::kAuto, ConvAlgorithm::kDirect, ConvAlgorithm::kGemm,
                                        ConvAlgorithm::kWinograd};

TEST(Conv2DMatrix, EveryValidConvolutionAgreesWithTheReference) {
  check_all(conv_matrix(Padding::kValid), kDirectAndGemm);
}
TEST(Conv2DMatrix, EverySameConvolutionAgreesWithTheReference) {
  check_all(conv_matrix(Padding::kSame), kDirectAndGemm);
}
TEST(Conv2DMatrix, EveryExplicitConvolutionAgreesWithTheReference) {
  check_all(conv_matrix(Padding::kExplicit), kDirectAndGemm);
}
TEST(Conv2DMatrix, SpecialShapesAgreeWithTheReference) { check_all(special_conv_cases(), kEvery); }
TEST(Conv2DMatrix, WinogradsShapesAgreeWithTheReference) { check_all(winograd_conv_cases(), kEvery); }

TEST(Conv2DMatrix, BitsDoNotDependOnTheNumberOfThreads) {
  std::vector<ConvCase> cases = special_conv_cases();
  for (const ConvCase& c : winograd_conv_cases())
    if (c.input[0] > 2) cases.push_back(c);
  for (const ConvCase& c : cases) {
    for (const auto& [dtype, tolerance] : kTolerances) {
      const ConvOperands operands = conv_operands(c, dtype);
      const ConvResults one = run_convolutions(c, operands, "cpu:0", 1, ConvAlgorithm::kWinograd);
      for (const int threads : {2, 3}) {
        const ConvResults more = run_convolutions(c, operands, "cpu:0", threads, ConvAlgorithm::kWinograd);
        EXPECT_TRUE(bit_equal(one.y, more.y)) << "conv2d " << c.name;
        EXPECT_TRUE(bit_equal(one.dx, more.dx)) << "conv2d_backprop_input " << c.name;
        EXPECT_TRUE(bit_equal(one.dw, more.dw)) << "conv2d_backprop_filter " << c.name;
      }
    }
  }
}

// <conv(x, w), g> = <x, backprop_input(w, g)> = <w, backprop_filter(x, g)>, for each configuration on real shapes.
TEST(Conv2DMatrix, TheThreeOpsAreAdjoint) {
  for (const ConvCase& c : special_conv_cases()) {
    const ConvOperands o = conv_operands(c, DType::kFloat64, 5);
    const ConvResults r = run_convolutions(c, o, "cpu:0");
    const auto inner = [](const Tensor& a, const Tensor& b) {
      double sum = 0;
      for (std::int64_t i = 0; i < a.num_elements(); ++i) sum += a.at(i) * b.at(i);
      return sum;
    };
    const double expected = inner(r.y, o.dy);
    const double scale = std::max(1.0, std::abs(expected));
    EXPECT_NEAR(inner(o.x, r.dx), expected, 1e-11 * scale) << c.name;
    EXPECT_NEAR(inner(o.w, r.dw), expected, 1e-11 * scale) << c.name;
  }
}

}  // namespace
}  // namespace gradus::testing
