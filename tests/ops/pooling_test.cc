#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/autodiff/gradients.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/source_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/run_both.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

Output image(Graph& graph, const Shape& shape, const Values& values) {
  return constant(graph, Tensor::from(shape, values));
}

// 1 ... 12 in rows of 4
const Values kCounting = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

TEST(Pooling, MaxOfWholeWindowsAndTheRestIsIgnoredWhenValid) {
  Graph graph;
  const Output y = max_pool(image(graph, {1, 3, 4, 1}, kCounting), square_pool(2, 2));
  EXPECT_EQ(y.shape(), (Shape{1, 1, 2, 1}));
  EXPECT_EQ(elements(run_both(y)), (Values{6, 8}));
}

TEST(Pooling, AveragesDivideByTheRealPixelsOnly) {
  Graph graph;
  // 3x3 windows around every pixel of [1 2; 3 4]: each window holds all four pixels.
  const Output all = avg_pool(image(graph, {1, 2, 2, 1}, {1, 2, 3, 4}), square_pool(3, 1, Padding::kSame));
  EXPECT_EQ(elements(run_both(all)), (Values{2.5, 2.5, 2.5, 2.5}));
  // SAME of 3 rows by 2x2 with stride 2: the last row of windows has one row of pixels: (9 + 10) / 2 and (11 + 12) / 2.
  const Output half = avg_pool(image(graph, {1, 3, 4, 1}, kCounting), square_pool(2, 2, Padding::kSame));
  EXPECT_EQ(elements(run_both(half)), (Values{3.5, 5.5, 9.5, 11.5}));
}

TEST(Pooling, LayoutsAgree) {
  Graph graph;
  // Two channels of 2x2: [1 2; 3 4] and [50 60; 70 80].
  const Output nhwc = max_pool(image(graph, {1, 2, 2, 2}, {1, 50, 2, 60, 3, 70, 4, 80}), square_pool(2, 2));
  const Output nchw = max_pool(image(graph, {1, 2, 2, 2}, {1, 2, 3, 4, 50, 60, 70, 80}),
                               square_pool(2, 2, Padding::kValid, DataFormat::kNCHW));
  EXPECT_EQ(elements(run_both(nhwc)), (Values{4, 80}));
  EXPECT_EQ(elements(run_both(nchw)), (Values{4, 80}));
}

TEST(Pooling, ExplicitPaddingShiftsTheWindows) {
  Graph graph;
  PoolAttrs attrs = square_pool(2, 2);
  attrs.padding = Padding::kExplicit;
  attrs.explicit_paddings = {0, 0, 1, 0,
                             1, 1, 0, 0};  // one row above, one column on each side: windows of 2x2 over 4x6
  const Output y = max_pool(image(graph, {1, 3, 4, 1}, kCounting), attrs);
  EXPECT_EQ(elements(run_both(y)), (Values{1, 3, 4, 9, 11, 12}));
}

TEST(Pooling, TheFirstOfEqualMaximaGetsTheGradient) {
  Graph graph;
  const Output x = image(graph, {1, 2, 4, 1}, {7, 7, 1, 5, 7, 7, 5, 5});
  const Output dx = gradients(max_pool(x, square_pool(2, 2)), {x}).at(0);
  EXPECT_EQ(elements(run_both(dx)), (Values{1, 0, 0, 1, 0, 0, 0, 0}));
}

TEST(Pooling, OverlappingWindowsAddUp) {
  Graph graph;
  const Output x = image(graph, {1, 1, 3, 1}, {1, 9, 2});
  const PoolAttrs attrs{.ksize = {1, 1, 2, 1}};
  EXPECT_EQ(elements(run_both(gradients(max_pool(x, attrs), {x}).at(0))), (Values{0, 2, 0}));
  EXPECT_EQ(elements(run_both(gradients(avg_pool(x, attrs), {x}).at(0))), (Values{0.5, 1, 0.5}));
}

TEST(Pooling, NaNIsTheMaximumAndTakesTheGradient) {
  Graph graph;
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const Output x = image(graph, {1, 2, 4, 1}, {inf, 2, -inf, -inf, nan, nan, -inf, -inf});
  const Output y = max_pool(x, square_pool(2, 2));
  const Tensor maxima = run_both(y);
  EXPECT_TRUE(std::isnan(maxima.at(0)));
  EXPECT_EQ(maxima.at(1), -inf);
  EXPECT_EQ(elements(run_both(gradients(y, {x}).at(0))), (Values{0, 0, 1, 0, 1, 0, 0, 0}));
}

// Windows that tile the image go vector by vector on the CPU: ties and NaNs, and channels around the width of a vector.
TEST(Pooling, TilingWindowsOfAnyNumberOfChannels) {
  for (const std::int64_t channels : {2, 3, 5, 6, 8, 11, 16, 19}) {
    Values values;
    for (std::int64_t i = 0; i < 2 * 6 * 4 * channels; ++i) {
      values.push_back(i % 13 == 0 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(i * 7 % 3));
    }
    const Tensor pixels = Tensor::from(Shape{2, 6, 4, channels}, values);
    for (const DType dtype : kDTypes) {
      for (const PoolAttrs& attrs : {square_pool(2, 2), PoolAttrs{.ksize = {1, 3, 2, 1}, .strides = {1, 3, 2, 1}}}) {
        Graph graph;
        const Output x = constant(graph, pixels.cast(dtype));
        const Tensor dx = run_both(gradients(max_pool(x, attrs), {x}).at(0));  // both backends, compared
        double sum = 0;
        for (std::int64_t i = 0; i < dx.num_elements(); ++i) sum += dx.at(i);
        EXPECT_EQ(sum, static_cast<double>(values.size()) / static_cast<double>(attrs.ksize[1] * attrs.ksize[2]));
      }
    }
  }
}

// Infinities of both signs among them, whose sum is no number either.
TEST(Pooling, TilingWindowsOfInfinities) {
  Values values;
  const double inf = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < 4 * 6 * 9; ++i) values.push_back(i % 5 == 0 ? inf : i % 3 == 0 ? -inf : 1);
  Graph graph;
  const Output x = image(graph, {1, 4, 6, 9}, values), y = max_pool(x, square_pool(2, 2));
  run_both(y);
  run_both(gradients(y, {x}).at(0));
}

// In planes the CPU takes windows side by side, up to 64, of which borders have others: with every stride, ties and NaN.
TEST(Pooling, ManyWindowsSideBySide) {
  for (const std::int64_t stride : {1, 2, 3}) {
    const Shape shape{2, 1, 5, 141};
    Values values, numbers;
    for (std::int64_t i = 0; i < shape.num_elements(); ++i) {
      numbers.push_back(static_cast<double>(i * 7 % 5));
      values.push_back(i % 13 == 0 ? std::numeric_limits<double>::quiet_NaN() : numbers.back());
    }
    for (const DType dtype : kDTypes) {
      Graph graph;
      const Output x = constant(graph, Tensor::from(shape, values).cast(dtype));
      const Output z = constant(graph, Tensor::from(shape, numbers).cast(dtype));
      const PoolAttrs attrs = square_pool(3, stride, Padding::kSame, DataFormat::kNCHW);
      const PoolAttrs pairs = square_pool(2, stride, Padding::kSame, DataFormat::kNCHW);  // quarters and halves: exact
      const Output y = max_pool(x, attrs), mean = avg_pool(z, pairs);
      for (const Output& result :
           {y, mean, gradients(y, {x}).at(0), gradients(mean, {z}).at(0), max_pool_grad_grad(x, z, attrs)})
        run_both(result);  // both backends, compared
    }
  }
}

TEST(Pooling, GlobalAverage) {
  Graph graph;
  const Output nhwc = image(graph, {1, 2, 2, 2}, {1, 50, 2, 60, 3, 70, 4, 80});
  EXPECT_EQ(elements(run_both(global_avg_pool(nhwc))), (Values{2.5, 65}));
  EXPECT_EQ(global_avg_pool(nhwc, DataFormat::kNHWC, true).shape(), (Shape{1, 1, 1, 2}));
  EXPECT_EQ(elements(run_both(global_avg_pool(nhwc, DataFormat::kNCHW))), (Values{28.25, 39.25}));
}

TEST(Pooling, UnknownBatchStaysUnknown) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {-1, 28, 28, 3});
  EXPECT_EQ(max_pool(x, square_pool(2, 2)).shape(), (Shape{-1, 14, 14, 3}));
  EXPECT_EQ(avg_pool(x, square_pool(3, 2, Padding::kSame)).shape(), (Shape{-1, 14, 14, 3}));
}

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.num_elements(); ++i) sum += a.at(i) * b.at(i);
  return sum;
}

// <A x, y> = <x, A' y> for the linear maps of this family.
TEST(Pooling, GradientOpsAreTransposes) {
  Graph graph;
  const PoolAttrs attrs = square_pool(3, 2, Padding::kSame);
  const Output x = constant(graph, random_normal_tensor(DType::kFloat64, {2, 7, 6, 3}, 1));
  const Output v = constant(graph, random_normal_tensor(DType::kFloat64, {2, 7, 6, 3}, 2));
  const Output g = constant(graph, random_normal_tensor(DType::kFloat64, {2, 4, 3, 3}, 3));
  const Output sizes = constant(graph, std::vector<std::int32_t>{2, 7, 6, 3});
  for (const char* device : {"cpu:0", "ref:0"}) {
    Session session(graph, {.device = device});
    const auto r = session.run({avg_pool(x, attrs), g, x, avg_pool_grad(sizes, g, attrs),
                                max_pool_grad_grad(x, v, attrs), v, max_pool_grad(x, g, attrs)});
    EXPECT_NEAR(dot(r[0], r[1]), dot(r[2], r[3]), 1e-12) << device;
    EXPECT_NEAR(dot(r[4], r[1]), dot(r[5], r[6]), 1e-12) << device;
  }
}

TEST(Pooling, SameBitsForEveryNumberOfThreads) {
  Graph graph;
  for (const PoolAttrs& attrs : {square_pool(2, 2), square_pool(3, 2, Padding::kSame)}) {
    const Output x = constant(graph, random_normal_tensor(DType::kFloat32, {9, 30, 28, 20}, 1));
    const std::vector<Output> ys = {max_pool(x, attrs), avg_pool(x, attrs)};
    std::vector<Output> fetches = ys;
    for (const Output& y : ys) fetches.push_back(gradients(y, {x}, y).at(0));
    std::vector<Tensor> first;
    for (const int threads : {1, 2, 3}) {
      Session session(graph, {.device = "cpu:0", .num_threads = threads});
      const std::vector<Tensor> values = session.run(fetches);
      if (first.empty()) first = values;
      for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_TRUE(bit_equal(values[i], first[i])) << i << " " << threads;
    }
  }
}

TEST(Pooling, Rejections) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {1, 3, 4, 2}, "x");
  const auto reject = [&](const std::string& text, const PoolAttrs& attrs) {
    expect_error(Code::kInvalidArgument, text, [&] { max_pool(x, attrs, "pool"); });
  };
  reject("[MaxPool 'pool' at pooling_test.cc:", square_pool(4, 1));
  reject("the window has 4 rows but the padded image only 3: input [1,3,4,2] NHWC, ksize [1,4,4,1]", square_pool(4, 1));
  reject("ksize must be 4 integers in NHWC order; got [2,2]: input [1,3,4,2] NHWC, ksize [2,2]", {.ksize = {2, 2}});
  reject("ksize for batch and depth must be 1; got [1,2,2,2] NHWC", {.ksize = {1, 2, 2, 2}});
  reject("strides for rows and columns must be at least 1", {.ksize = {1, 2, 2, 1}, .strides = {1, 0, 1, 1}});
  reject("explicit_paddings go with padding EXPLICIT only",
         {.ksize = {1, 2, 2, 1}, .explicit_paddings = {0, 0, 1, 1, 1, 1, 0, 0}});
  reject(
      "explicit paddings must be smaller than the window; got [0,0,0,2,0,0,0,0]: input [1,3,4,2] NHWC, ksize [1,2,2,1]",
      {.ksize = {1, 2, 2, 1}, .padding = Padding::kExplicit, .explicit_paddings = {0, 0, 0, 2, 0, 0, 0, 0}});
  for (const auto pool : {max_pool, avg_pool}) {
    expect_error(
        Code::kInvalidArgument, "a window would see nothing but padding: input [1,0,4,2] NHWC, ksize [1,2,2,1]", [&] {
          pool(placeholder(graph, DType::kFloat32, {1, 0, 4, 2}),
               {.ksize = {1, 2, 2, 1}, .padding = Padding::kExplicit, .explicit_paddings = {0, 0, 1, 1, 0, 0, 0, 0}},
               {});
        });
  }
  expect_error(Code::kInvalidArgument, "rank 4", [&] {
    avg_pool(placeholder(graph, DType::kFloat32, {3, 4}), square_pool(2, 2));
  });
  expect_error(Code::kInvalidArgument, "input must be float16, bfloat16, float32 or float64; got int32", [&] {
    avg_pool(placeholder(graph, DType::kInt32, {1, 3, 4, 2}), square_pool(2, 2));
  });
  expect_error(
      Code::kInvalidArgument,
      "out_backprop is [1,2,2,2] NHWC but the pooled image is [1,1,2,2] NHWC: input [1,3,4,2] NHWC, ksize [1,2,2,1]",
      [&] {
        max_pool_grad(x, placeholder(graph, DType::kFloat32, {1, 2, 2, 2}), square_pool(2, 2));
      });
}

}  // namespace
}  // namespace gradus
