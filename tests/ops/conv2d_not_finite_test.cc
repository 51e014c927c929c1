// Infinite and NaN values in convolutions, above all where they meet padding. The rule (docs/ops/conv2d.md): the image is padded
// with zeros that take part, so 0 * infinity is NaN, and conv2d of an image with padding is conv2d of the padded image, VALID;
// its gradients are that one's. conv2d_backprop_input sums over the windows that exist, and over nothing else.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/gradus.h"
#include "tests/support/conv2d_matrix.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus::testing {
namespace {

const double kNaN = std::nan("");

// Finite numbers within the tolerance; infinities and NaNs in the same places.
void expect_same(const Tensor& got, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(got.shape(), expected.shape()) << what;
  for (std::int64_t i = 0; i < got.num_elements(); ++i) {
    const double a = got.at(i), b = expected.at(i);
    if (std::isfinite(b)) {
      ASSERT_NEAR(a, b, tolerance * 16) << what << " element " << i;
    } else {
      ASSERT_TRUE(std::isnan(b) ? std::isnan(a) : a == b) << what << " element " << i << " is " << a << ", not " << b;
    }
  }
}

double tolerance_of(DType dtype) {
  return dtype == DType::kFloat64 ? 1e-12 : dtype == DType::kFloat32 ? 1e-5 : 2 * machine_epsilon(dtype);
}

// 3x3 over a 2x2 image of ones, SAME: tap (0, 0) is infinite and lies on the image for the last output only.
//   y[1,1] = inf * x[0,0] + 1 * x[1,1] = inf; the other three see 0 * inf.
TEST(Conv2DNotFinite, InfinityOverPaddingByHand) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    Tensor filter = Tensor::zeros(dtype, {3, 3, 1, 1});
    filter.set(0, kInf);
    filter.set(4, 1);
    const Output x = constant(graph, Tensor::full(dtype, {1, 2, 2, 1}, 1)), w = constant(graph, filter);
    for (const char* device : {"cpu:0", "ref:0"}) {
      const Tensor y = Session(graph, {.device = device}).run({conv2d(x, w)})[0];
      EXPECT_TRUE(std::isnan(y.at(0)) && std::isnan(y.at(1)) && std::isnan(y.at(2))) << device << y;
      EXPECT_EQ(y.at(3), kInf) << device;
    }
  }
}

// One row, VALID, filter [inf, 1]: windows 0 and 1. x = [1, 2, 3], dy = [1, 10].
//   dx[0] = dy[0] * inf, dx[1] = dy[0] * 1 + dy[1] * inf, dx[2] = dy[1] * 1: no window begins at the last pixel.
TEST(Conv2DNotFinite, AWindowThatDoesNotExistContributesNothing) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output w = constant(graph, Tensor::from(Shape{1, 2, 1, 1}, std::vector<double>{kInf, 1}).cast(dtype));
    const Output dy = constant(graph, Tensor::from(Shape{1, 1, 2, 1}, std::vector<double>{1, 10}).cast(dtype));
    const Output dx = conv2d_backprop_input({1, 1, 3, 1}, w, dy, {.padding = Padding::kValid});
    EXPECT_EQ(elements(run_both(dx)), (std::vector<double>{kInf, kInf, 10}));
    // Pixel 4 of 5 lies under no window of stride 2, so it gets 0.
    const Output apart =
        conv2d_backprop_input({1, 1, 5, 1}, w, dy, {.strides = {1, 1, 2, 1}, .padding = Padding::kValid});
    EXPECT_EQ(elements(run_both(apart)), (std::vector<double>{kInf, 1, kInf, 10, 0}));
  }
}

// 3x1 over 2 rows, SAME: the padding's products reach the filter's gradient.
//   dw[0] = 0 * dy[0] + x[0] * dy[1], dw[1] = x[0] * dy[0] + x[1] * dy[1], dw[2] = x[1] * dy[0] + 0 * dy[1]
TEST(Conv2DNotFinite, AnInfiniteGradientOverPaddingByHand) {
  for (const DType dtype : kDTypes) {
    Graph graph;
    const Output x = constant(graph, Tensor::from(Shape{1, 2, 1, 1}, std::vector<double>{2, 3}).cast(dtype));
    const Output dy = constant(graph, Tensor::from(Shape{1, 2, 1, 1}, std::vector<double>{kInf, 5}).cast(dtype));
    const Output dw = conv2d_backprop_filter(x, {3, 1, 1, 1}, dy);
    for (const char* device : {"cpu:0", "ref:0"}) {
      const Tensor r = Session(graph, {.device = device}).run({dw})[0];
      EXPECT_TRUE(std::isnan(r.at(0))) << device << r;
      EXPECT_EQ(r.at(1), kInf) << device;
      EXPECT_EQ(r.at(2), kInf) << device;
    }
  }
}

// Infinities and NaN at elements all over the filter and out_backprop, one at a time, against loops over all products.
void check_matrix(Padding padding) {
  const double values[] = {kInf, -kInf, kNaN};
  std::size_t turn = 0;
  for (const ConvCase& c : small_conv_matrix(padding)) {
    const ConvOperands exact = conv_operands(c, DType::kFloat64);
    for (std::int64_t planted = 0; planted < exact.w.num_elements() + exact.dy.num_elements(); planted += 19, ++turn) {
      const bool in_filter = planted < exact.w.num_elements();
      const DType dtype = kDTypes[turn % std::size(kDTypes)];
      ConvOperands operands = conv_operands(c, dtype);
      (in_filter ? operands.w : operands.dy)
          .set(in_filter ? planted : planted - exact.w.num_elements(), values[turn % std::size(values)]);
      const ConvResults expected = naive_convolutions(c, operands);
      for (const char* device : {"cpu:0", "ref:0"}) {
        const ConvResults got = run_convolutions(c, operands, device);
        const std::string what =
            c.name + " " + dtype_name(dtype) + " planted " + std::to_string(planted) + " on " + device;
        expect_same(got.y, expected.y, tolerance_of(dtype), "y " + what);
        expect_same(got.dx, expected.dx, tolerance_of(dtype), "dx " + what);
        expect_same(got.dw, expected.dw, tolerance_of(dtype), "dw " + what);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}
TEST(Conv2DNotFinite, PlacesAllOverTheMatrixSame) { check_matrix(Padding::kSame); }
TEST(Conv2DNotFinite, PlacesAllOverTheMatrixValid) { check_matrix(Padding::kValid); }
TEST(Conv2DNotFinite, PlacesAllOverTheMatrixExplicit) { check_matrix(Padding::kExplicit); }

// Kernels larger than the image, distant taps, many channels: taps that only ever see padding count too.
TEST(Conv2DNotFinite, SpecialShapes) {
  for (const ConvCase& c : special_conv_cases()) {
    for (const DType dtype : kDTypes) {
      ConvOperands operands = conv_operands(c, dtype);
      operands.w.set(0, kInf);
      operands.w.set(operands.w.num_elements() - 1, kNaN);
      operands.dy.set(0, -kInf);
      const ConvResults expected = naive_convolutions(c, operands);
      for (const char* device : {"cpu:0", "ref:0"}) {
        const ConvResults got = run_convolutions(c, operands, device);
        const std::string what = c.name + " " + dtype_name(dtype) + " on " + device;
        expect_same(got.y, expected.y, 8 * tolerance_of(dtype), "y " + what);
        expect_same(got.dx, expected.dx, 8 * tolerance_of(dtype), "dx " + what);
        expect_same(got.dw, expected.dw, 8 * tolerance_of(dtype), "dw " + what);
      }
    }
    if (::testing::Test::HasFailure()) return;
  }
}

// Sums at Winograd's points would carry a NaN all over a tile.
TEST(Conv2DNotFinite, WinogradsShapes) {
  for (const ConvCase& c : winograd_conv_cases()) {
    for (const DType dtype : {DType::kFloat32, DType::kFloat16}) {
      ConvOperands operands = conv_operands(c, dtype);
      operands.x.set(operands.x.num_elements() / 2, kInf);
      operands.w.set(0, kNaN);
      operands.dy.set(operands.dy.num_elements() - 1, -kInf);
      const ConvResults expected = naive_convolutions(c, operands);
      const ConvResults got = run_convolutions(c, operands, "cpu:0", 2, ConvAlgorithm::kWinograd);
      expect_same(got.y, expected.y, 8 * tolerance_of(dtype), "y " + c.name);
      expect_same(got.dx, expected.dx, 8 * tolerance_of(dtype), "dx " + c.name);
      expect_same(got.dw, expected.dw, 8 * tolerance_of(dtype), "dw " + c.name);
    }
    if (::testing::Test::HasFailure()) return;
  }
}

// conv2d with padding is conv2d of the padded image.
TEST(Conv2DNotFinite, PaddingIsPad) {
  for (const char* device : {"cpu:0", "ref:0"}) {
    Graph graph;
    Tensor filter = random_uniform_tensor(DType::kFloat64, {3, 2, 2, 3}, 1, -1, 1);
    for (const std::int64_t i : {0, 17, 35}) filter.set(i, i == 17 ? kNaN : kInf);
    const Output x = constant(graph, random_uniform_tensor(DType::kFloat64, {2, 4, 3, 2}, 2, -1, 1));
    const Output w = constant(graph, filter);
    const Output y = conv2d(x, w, {.padding = Padding::kExplicit, .explicit_paddings = {0, 0, 1, 2, 2, 0, 0, 0}});
    const Output padded = conv2d(pad(x, {0, 0, 1, 2, 2, 0, 0, 0}), w, {.padding = Padding::kValid});
    const auto r = Session(graph, {.device = device}).run({y, padded});
    expect_same(r[0], r[1], 1e-12, device);
  }
}

// Padding never takes part in an average, so nothing infinite can meet a zero there.
TEST(Conv2DNotFinite, AveragesLeavePaddingOut) {
  Graph graph;
  const Output x = constant(graph, Tensor::from(Shape{1, 1, 3, 1}, std::vector<double>{kInf, 2, 4}));
  const Output y = avg_pool(x, {.ksize = {1, 1, 3, 1}, .padding = Padding::kSame});  // {inf, 2}, {inf, 2, 4}, {2, 4}
  EXPECT_EQ(elements(run_both(y)), (std::vector<double>{kInf, kInf, 3}));
  const Output dx = avg_pool_grad(shape(x), x, {.ksize = {1, 1, 3, 1}, .padding = Padding::kSame});
  // shares: inf / 2, 2 / 3, 4 / 2; the last pixel is under windows 1 and 2 only
  EXPECT_NEAR(run_both(dx).at(2), 2.0 / 3 + 2, 1e-15);
}

}  // namespace
}  // namespace gradus::testing
