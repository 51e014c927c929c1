// Every rejection of docs/ops/conv2d.md, by its text: the op, the node, the line that built it, and both shapes. Where
// shapes are known only in a run, the run says the same, about the same line.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "gradus/core/kernel.h"
#include "gradus/gradus.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

constexpr Code kInvalid = Code::kInvalidArgument;

class Conv2DErrors : public ::testing::Test {
 protected:
  Output image(const Shape& shape, DType dtype = DType::kFloat32) { return placeholder(graph, dtype, shape); }
  // Fails unless `build`, called on line `line`, throws "[op 'node' at this file:line] text".
  void expect(const char* op, const char* node, int line, const std::string& text, FunctionRef<void()> build) {
    expect_error(kInvalid, fmt::format("[{} '{}' at conv2d_errors_test.cc:{}] {}", op, node, line, text), build);
  }
  Graph graph;
};

// The builder stands on the macro's line, so that __LINE__ is the line that the error names.
#define EXPECT_CONV(text, ...) expect("Conv2D", "c", __LINE__, text, [&] { conv2d(__VA_ARGS__, "c"); })
#define EXPECT_INPUT(text, ...) \
  expect("Conv2DBackpropInput", "c", __LINE__, text, [&] { conv2d_backprop_input(__VA_ARGS__, "c"); })
#define EXPECT_FILTER(text, ...) \
  expect("Conv2DBackpropFilter", "c", __LINE__, text, [&] { conv2d_backprop_filter(__VA_ARGS__, "c"); })

TEST_F(Conv2DErrors, ChannelsThatDoNotMatch) {
  const Output x = image({32, 28, 28, 3}), w = image({5, 5, 4, 32});
  EXPECT_CONV("input has 3 channels but filter expects 4: input [32,28,28,3] NHWC, filter [5,5,4,32] HWIO", x, w, {});
  EXPECT_CONV(
      "input has 6 channels but filter expects a multiple of 4: input [32,28,28,6] NHWC, filter [5,5,4,32] HWIO",
      image({32, 28, 28, 6}), w, {});
  EXPECT_CONV(
      "filter has 5 output channels, not a multiple of the 2 groups (4 input channels / 2 filter channels): "
      "input [1,8,8,4] NHWC, filter [3,3,2,5] HWIO",
      image({1, 8, 8, 4}), image({3, 3, 2, 5}), {});
  EXPECT_CONV("the filter must have at least 1 input channel: input [1,8,8,4] NHWC, filter [3,3,0,5] HWIO",
              image({1, 8, 8, 4}), image({3, 3, 0, 5}), {});
  EXPECT_CONV("input has 8 channels but filter expects a multiple of 3: input [1,8,9,3] NCHW, filter [3,3,3,5] HWIO",
              image({1, 8, 9, 3}), image({3, 3, 3, 5}), {.data_format = DataFormat::kNCHW});
}

TEST_F(Conv2DErrors, RanksAndDtypes) {
  EXPECT_CONV("input must have rank 4; got input float32 [28,28,3], filter float32 [5,5,3,32]", image({28, 28, 3}),
              image({5, 5, 3, 32}), {});
  EXPECT_CONV("filter must have rank 4; got input float32 [1,28,28,3], filter float32 [5,5,3]", image({1, 28, 28, 3}),
              image({5, 5, 3}), {});
  EXPECT_CONV("input and filter must have the same dtype; got input float32 [1,8,8,3], filter float64 [5,5,3,2]",
              image({1, 8, 8, 3}), image({5, 5, 3, 2}, DType::kFloat64), {});
  EXPECT_INPUT("out_backprop must have rank 4; got filter float32 [5,5,3,2], out_backprop float32 [8,8,2]",
               constant(graph, std::vector<std::int32_t>{1, 8, 8, 3}), image({5, 5, 3, 2}), image({8, 8, 2}), {});
  const Output sizes = constant(graph, std::vector<std::int32_t>{1, 8, 8, 3});
  EXPECT_INPUT("filter must have rank 4; got filter float32 [5,5,6], out_backprop float32 [1,8,8,2]", sizes,
               image({5, 5, 6}), image({1, 8, 8, 2}), {});
  EXPECT_FILTER("input must have rank 4; got input float32 [8,8,3], out_backprop float32 [1,8,8,2]", image({8, 8, 3}),
                sizes, image({1, 8, 8, 2}), {});
  EXPECT_FILTER("out_backprop must have rank 4; got input float32 [1,8,8,3], out_backprop float32 [8,8,2]",
                image({1, 8, 8, 3}), sizes, image({8, 8, 2}), {});
  EXPECT_INPUT(
      "filter and out_backprop must have the same dtype; got filter float32 [5,5,3,2], out_backprop float16 [1,8,8,2]",
      sizes, image({5, 5, 3, 2}), image({1, 8, 8, 2}, DType::kFloat16), {});
  EXPECT_FILTER(
      "input and out_backprop must have the same dtype; got input float32 [1,8,8,3], out_backprop float64 [1,8,8,2]",
      image({1, 8, 8, 3}), sizes, image({1, 8, 8, 2}, DType::kFloat64), {});
}

TEST_F(Conv2DErrors, Sizes) {
  const Output w = image({3, 3, 3, 2}), dy = image({1, 8, 8, 2}), x = image({1, 8, 8, 3});
  const auto int32s = [&](std::vector<std::int32_t> values) { return constant(graph, values); };
  const Output sizes64 = constant(graph, std::vector<std::int64_t>{1, 8, 8, 3}), three = int32s({8, 8, 3}),
               negative = int32s({1, -8, 8, 3});
  const Output matrix = placeholder(graph, DType::kInt32, {2, 2}), two = int32s({3, 3}),
               negative_filter = int32s({3, 3, -3, 2});
  const std::string of_input = ": filter float32 [3,3,3,2], out_backprop float32 [1,8,8,2]";
  const std::string of_filter = ": input float32 [1,8,8,3], out_backprop float32 [1,8,8,2]";
  EXPECT_INPUT("input_sizes must be int32; got int64 [4]" + of_input, sizes64, w, dy, {});
  EXPECT_INPUT("input_sizes must be a vector; got shape [2,2]" + of_input, matrix, w, dy, {});
  EXPECT_INPUT("input_sizes must have 4 values (or 2: rows and columns); got 3" + of_input, three, w, dy, {});
  EXPECT_INPUT("input_sizes must not be negative; got [1,-8,8,3]" + of_input, negative, w, dy, {});
  EXPECT_FILTER("filter_sizes must be int32; got int64 [4]" + of_filter, x, sizes64, dy, {});
  EXPECT_FILTER("filter_sizes must be a vector; got shape [2,2]" + of_filter, x, matrix, dy, {});
  EXPECT_FILTER("filter_sizes must have 4 values; got 2" + of_filter, x, two, dy, {});
  EXPECT_FILTER("filter_sizes must not be negative; got [3,3,-3,2]" + of_filter, x, negative_filter, dy, {});
  EXPECT_INPUT("input_sizes must fit in int32; got [1,3000000000,8,3]", std::vector<std::int64_t>{1, 3000000000, 8, 3},
               w, dy, {});
}

TEST_F(Conv2DErrors, AttributesAreCheckedByAllThreeOps) {
  const Output w = image({3, 3, 3, 2}), dy = image({1, 8, 8, 2}), x = image({1, 8, 8, 3});
  const Output sizes = constant(graph, std::vector<std::int32_t>{1, 8, 8, 3}),
               filter_sizes = constant(graph, std::vector<std::int32_t>{3, 3, 3, 2});
  const std::string rule = " from 0 to 2^31 - 1, [before, after] per dimension in NHWC order; ";
  const std::pair<Conv2DAttrs, std::string> wrong[] = {
      {{.strides = {2, 2}}, "strides must be 4 integers in NHWC order; got [2,2]"},
      {{.strides = {1, 0, 1, 1}}, "strides for rows and columns must be at least 1 and below 2^31; got [1,0,1,1] NHWC"},
      {{.strides = {1, 1, 1, 2}}, "strides for batch and depth must be 1; got [1,1,1,2] NHWC"},
      {{.strides = {1, 2, 1, 1}, .data_format = DataFormat::kNCHW},
       "strides for batch and depth must be 1; got [1,2,1,1] NCHW"},
      {{.dilations = {1, 1, 1}}, "dilations must be 4 integers in NHWC order; got [1,1,1]"},
      {{.dilations = {1, 1, -1, 1}},
       "dilations for rows and columns must be at least 1 and below 2^31; got [1,1,-1,1] NHWC"},
      {{.dilations = {2, 1, 1, 1}}, "dilations for batch and depth must be 1; got [2,1,1,1] NHWC"},
      {{.padding = Padding::kExplicit}, "padding EXPLICIT needs 8 explicit_paddings" + rule + "got []"},
      {{.padding = Padding::kExplicit, .explicit_paddings = {0, 0, 1, 1}},
       "padding EXPLICIT needs 8 explicit_paddings" + rule + "got [0,0,1,1]"},
      {{.padding = Padding::kExplicit, .explicit_paddings = {0, 0, 1, -1, 0, 0, 0, 0}},
       "padding EXPLICIT needs 8 explicit_paddings" + rule + "got [0,0,1,-1,0,0,0,0]"},
      {{.padding = Padding::kExplicit, .explicit_paddings = {1, 0, 1, 1, 1, 1, 0, 0}},
       "explicit_paddings for batch and depth must be 0; got [1,0,1,1,1,1,0,0] NHWC"},
      {{.padding = Padding::kExplicit, .explicit_paddings = {0, 0, 1, 1, 1, 1, 0, 1}},
       "explicit_paddings for batch and depth must be 0; got [0,0,1,1,1,1,0,1] NHWC"},
      {{.padding = Padding::kValid, .explicit_paddings = {0, 0, 1, 1, 1, 1, 0, 0}},
       "explicit_paddings go with padding EXPLICIT only; got [0,0,1,1,1,1,0,0] with padding VALID"},
  };
  for (const auto& attrs_and_text : wrong) {
    const Conv2DAttrs& attrs = attrs_and_text.first;
    const std::string& text = attrs_and_text.second;
    const std::string shapes =
        std::string(" [1,8,8,3] ") + data_format_name(attrs.data_format) + ", filter [3,3,3,2] HWIO";
    EXPECT_CONV(text + ": input" + shapes, x, w, attrs);
    EXPECT_INPUT(text + ": input_sizes" + shapes, sizes, w, dy, attrs);
    EXPECT_FILTER(text + ": input" + shapes, x, filter_sizes, dy, attrs);
  }
}

TEST_F(Conv2DErrors, OutBackpropOfAnotherShape) {
  const Output w = image({3, 3, 3, 2}), x = image({2, 8, 9, 3});
  const Conv2DAttrs attrs{.strides = {1, 2, 1, 1}, .padding = Padding::kValid};
  const std::string operands =
      "[2,8,9,3] NHWC, filter [3,3,3,2] HWIO, strides [1,2,1,1], padding VALID, dilations [1,1,1,1]";
  for (const Shape& given : {Shape{2, 3, 6, 2}, Shape{2, 4, 7, 2}, Shape{1, 3, 7, 2}, Shape{2, 3, 7, 3}}) {
    const Output dy = image(given), sizes = constant(graph, std::vector<std::int32_t>{2, 8, 9, 3});
    const Output filter_sizes = constant(graph, std::vector<std::int32_t>{3, 3, 3, 2});
    const std::string text =
        fmt::format("out_backprop is {} NHWC but the convolution's output is [2,3,7,2] NHWC: ", given.to_string());
    EXPECT_INPUT(text + "input_sizes " + operands, sizes, w, dy, attrs);
    EXPECT_FILTER(text + "input " + operands, x, filter_sizes, dy, attrs);
  }
}

TEST_F(Conv2DErrors, KernelLargerThanThePaddedImage) {
  EXPECT_CONV("the kernel has 5 rows but the padded image only 4: input [1,4,9,3] NHWC, filter [5,3,3,2] HWIO",
              image({1, 4, 9, 3}), image({5, 3, 3, 2}), {.padding = Padding::kValid});
  EXPECT_CONV(
      "the kernel has 9 columns (5 with dilation 2) but the padded image only 8: input [1,4,5,3] NHWC, filter "
      "[1,5,3,2] HWIO",
      image({1, 4, 5, 3}), image({1, 5, 3, 2}),
      {.padding = Padding::kExplicit, .explicit_paddings = {0, 0, 0, 0, 1, 2, 0, 0}, .dilations = {1, 1, 2, 1}});
}

TEST_F(Conv2DErrors, SizesThatDoNotFit) {
  const auto sizes = [&](std::vector<std::int32_t> values) { return constant(graph, values); };
  const Conv2DAttrs huge_stride{.strides = {1, 2147483647, 2147483647, 1}, .padding = Padding::kSame};
  const Output w = image({1, 1, 3, 2}), dy = image({1, 1, 1, 2});
  const Output beyond_bits = sizes({1, 2147483647, 2147483647, 3}), beyond_memory = sizes({1, 200000, 20000000, 3});
  EXPECT_INPUT(
      "the size of a result, float32 [1,2147483647,2147483647,3], does not fit in 63 bits: input_sizes int32 [4], "
      "filter float32 [1,1,3,2], out_backprop float32 [1,1,1,2]",
      beyond_bits, w, dy, huge_stride);
  // Whether a machine has the memory is not the graph's affair: the run says so, before anything is allocated.
  const Output large = conv2d_backprop_input(beyond_memory, w, dy, huge_stride, "c");
  EXPECT_EQ(large.shape(), (Shape{1, 200000, 20000000, 3}));
  const Feeds feeds = {{w, Tensor::full(DType::kFloat32, {1, 1, 3, 2}, 1.0)},
                       {dy, Tensor::full(DType::kFloat32, {1, 1, 1, 2}, 1.0)}};
  for (const char* device : {"ref:0", "cpu:0"}) {
    Session session(graph, {.device = device});
    expect_error(Code::kResourceExhausted,
                 fmt::format("[Conv2DBackpropInput 'c' at conv2d_errors_test.cc:{}] the result, float32 "
                             "[1,200000,20000000,3] of 45776367 MiB, does not fit in the memory of {}, ",
                             large.node().line(), device),
                 [&] { session.run(feeds, large); });
  }
}

TEST_F(Conv2DErrors, EmptyFilterBetweenTensorsThatAreNot) {
  EXPECT_CONV("the filter is empty but input and output are not: input [1,8,8,3] NHWC, filter [0,3,3,2] HWIO",
              image({1, 8, 8, 3}), image({0, 3, 3, 2}), {});
}

TEST_F(Conv2DErrors, DepthwiseFilterForOtherChannels) {
  const Output x = image({1, 8, 8, 6}), w = image({3, 3, 2, 3});
  const int line = __LINE__ + 1;
  const auto build = [&] { depthwise_conv2d(x, w, {}, "d"); };
  expect("depthwise_conv2d", "d", line,
         "input has 6 channels but filter expects 2: input [1,8,8,6] NHWC, filter [3,3,2,3]", build);
}

// Which kernels there are is known when the graph meets a device.
TEST_F(Conv2DErrors, DtypesWithoutAKernel) {
  const int line = __LINE__ + 1;
  const Output y = conv2d(image({1, 4, 4, 1}, DType::kInt32), image({2, 2, 1, 1}, DType::kInt32), {}, "c");
  const Output x = y.node().input(0), w = y.node().input(1);
  Session session(graph);
  expect_error(
      Code::kUnimplemented,
      fmt::format("[Conv2D 'c' at conv2d_errors_test.cc:{}] has no kernel for int32 on cpu:0; kernels that exist: ",
                  line),
      [&] {
        session.run({{x, Tensor::zeros(DType::kInt32, {1, 4, 4, 1})}, {w, Tensor::zeros(DType::kInt32, {2, 2, 1, 1})}},
                    {y});
      });
  for (const DType dtype : kDTypes) {
    EXPECT_NE(kernel_registry().describe("Conv2D").find(std::string("cpu: ") + dtype_name(dtype)), std::string::npos);
  }
}

// The same texts for shapes that only a run knows.
TEST_F(Conv2DErrors, FoundWhenTheGraphRuns) {
  const auto zeros = [](const Shape& shape) { return Tensor::zeros(DType::kFloat32, shape); };
  const Output x = image({-1, -1, -1, -1}), w = image({-1, -1, -1, -1}), dy = image({-1, -1, -1, -1});
  const Output sizes = placeholder(graph, DType::kInt32, {-1});
  const int line = __LINE__ + 1;
  const Output y = conv2d(x, w, {.padding = Padding::kValid}, "y"), dx = conv2d_backprop_input(sizes, w, dy, {}, "dx");
  const auto where = [&](const char* op, const char* node) {
    return fmt::format("[{} '{}' at conv2d_errors_test.cc:{}] ", op, node, line);
  };
  Session session(graph);
  expect_error(
      kInvalid,
      where("Conv2D", "y") + "input has 3 channels but filter expects 4: input [1,8,8,3] NHWC, filter [5,5,4,2] HWIO",
      [&] {
        session.run({{x, zeros({1, 8, 8, 3})}, {w, zeros({5, 5, 4, 2})}}, {y});
      });
  expect_error(kInvalid, where("Conv2D", "y") + "the kernel has 5 rows but the padded image only 4", [&] {
    session.run({{x, zeros({1, 4, 8, 3})}, {w, zeros({5, 5, 3, 2})}}, {y});
  });
  const auto feed = [&](std::vector<std::int32_t> values) {
    return [&, values] {
      session.run({{sizes, Tensor::from(values)}, {w, zeros({3, 3, 3, 2})}, {dy, zeros({1, 8, 8, 2})}}, {dx});
    };
  };
  expect_error(kInvalid,
               where("Conv2DBackpropInput", "dx") + "input_sizes must have 4 values (or 2: rows and columns); got 3",
               feed({8, 8, 3}));
  expect_error(kInvalid, where("Conv2DBackpropInput", "dx") + "input_sizes must not be negative; got [1,8,-8,3]",
               feed({1, 8, -8, 3}));
  expect_error(kInvalid,
               where("Conv2DBackpropInput", "dx") +
                   "out_backprop is [1,8,8,2] NHWC but the convolution's output is [1,9,8,2] NHWC",
               feed({1, 9, 8, 3}));
  EXPECT_EQ(session
                .run({{sizes, Tensor::from(std::vector<std::int32_t>{1, 8, 8, 3})},
                      {w, zeros({3, 3, 3, 2})},
                      {dy, zeros({1, 8, 8, 2})}},
                     {dx})[0]
                .shape(),
            (Shape{1, 8, 8, 3}));
}

}  // namespace
}  // namespace gradus
