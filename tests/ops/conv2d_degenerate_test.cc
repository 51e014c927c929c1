// Gradients of convolutions and poolings that have no windows: out = (in + before + after - k' + stride) / stride comes out as
// 0, truncated toward zero, as in TensorFlow's kernels. The gradients are zeros or empty, to any order; conv2d and the pooling
// ops themselves still refuse a window larger than the padded image.
#include <gtest/gtest.h>

#include "gradus/gradus.h"
#include "tests/support/expect_error.h"
#include "tests/support/values.h"

namespace gradus {
namespace {

// Sizes in NHWC order, brought into `format`.
Shape ordered(DataFormat format, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
  return image_shape(format, n, h, w, c);
}

struct Placement {
  const char* name;
  std::int64_t in_h, in_w, filter_h, filter_w, out_h, out_w;  // one of the last two is 0
  std::int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::vector<std::int64_t> paddings = {};  // top, bottom, left, right; empty: VALID
};

Conv2DAttrs attrs_of(const Placement& p, DataFormat format) {
  Conv2DAttrs attrs{.strides = ordered(format, 1, p.stride_h, p.stride_w, 1).dims(),
                    .padding = p.paddings.empty() ? Padding::kValid : Padding::kExplicit,
                    .data_format = format,
                    .dilations = ordered(format, 1, p.dilation_h, p.dilation_w, 1).dims()};
  if (!p.paddings.empty()) {
    const auto& q = p.paddings;
    attrs.explicit_paddings = format == DataFormat::kNHWC
                                  ? std::vector<std::int64_t>{0, 0, q[0], q[1], q[2], q[3], 0, 0}
                                  : std::vector<std::int64_t>{0, 0, 0, 0, q[0], q[1], q[2], q[3]};
  }
  return attrs;
}

std::vector<Placement> placements() {
  return {
      // TensorFlow's own case: (1 - 3 + 2) / 2 = 0 columns.
      {"tensorflow", 1, 1, 1, 3, 1, 0, 1, 2},
      {"rows", 2, 5, 4, 3, 0, 3, 2, 1},                          // (2 - 4 + 2) / 2 = 0
      {"truncated_toward_zero", 1, 1, 1, 4, 1, 0, 1, 2},         // (1 - 4 + 2) / 2 = -1 / 2 = 0
      {"one_below_minus_a_stride", 2, 4, 6, 2, 0, 3, 3, 1},      // (2 - 6 + 3) / 3 = -1 / 3 = 0
      {"dilation", 3, 4, 2, 3, 3, 0, 1, 2, 1, 2, {0, 1, 0, 0}},  // k' = 5: (4 - 5 + 2) / 2 = 0
      {"explicit", 2, 3, 4, 2, 0, 3, 3, 1, 1, 1, {1, 0, 0, 1}},  // (3 - 4 + 3) / 3 = 0
      {"stride_one", 3, 2, 2, 3, 2, 0},                          // (2 - 3 + 1) / 1 = 0
      {"both_axes", 1, 1, 3, 3, 0, 0, 2, 2},
  };
}

void expect_zeros(const Tensor& t, const Shape& shape, DType dtype, const std::string& what) {
  EXPECT_EQ(t.shape(), shape) << what;
  EXPECT_EQ(t.dtype(), dtype) << what;
  for (std::int64_t i = 0; i < t.num_elements(); ++i) ASSERT_EQ(t.at(i), 0.0) << what << " element " << i;
}

TEST(Conv2DDegenerate, TensorFlowsOwnCaseIsZeros) {
  for (const char* device : {"cpu:0", "ref:0"}) {
    Graph graph;
    const Output w = constant(graph, random_uniform_tensor(DType::kFloat32, {1, 3, 2, 3}, 1));
    const Output dy = constant(graph, Tensor::zeros(DType::kFloat32, {3, 1, 0, 3}));
    const Output dx = conv2d_backprop_input({3, 1, 1, 2}, w, dy, {.strides = {1, 1, 2, 1}, .padding = Padding::kValid});
    Session session(graph, {.device = device, .poison_outputs = true});
    expect_zeros(session.run({dx})[0], {3, 1, 1, 2}, DType::kFloat32, device);
  }
}

TEST(Conv2DDegenerate, BothGradientsAreZerosInEveryLayoutAndDtype) {
  for (const Placement& p : placements())
    for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW})
      for (const DType dtype : kDTypes)
        for (const char* device : {"cpu:0", "ref:0"}) {
          const std::string what = std::string(p.name) + " " + data_format_name(format) + " " + device;
          Graph graph;
          const Conv2DAttrs attrs = attrs_of(p, format);
          const Shape image = ordered(format, 3, p.in_h, p.in_w, 2), filter{p.filter_h, p.filter_w, 2, 3};
          const Output x = constant(graph, random_uniform_tensor(dtype, image, 1));
          const Output w = constant(graph, random_uniform_tensor(dtype, filter, 2));
          const Output dy = constant(graph, Tensor::zeros(dtype, ordered(format, 3, p.out_h, p.out_w, 3)));
          const Output dx = conv2d_backprop_input(image.dims(), w, dy, attrs);
          const Output dw = conv2d_backprop_filter(x, filter.dims(), dy, attrs);
          Session session(graph, {.device = device, .optimize = false, .poison_outputs = true});
          const std::vector<Tensor> r = session.run({dx, dw});
          expect_zeros(r[0], image, dtype, what);
          expect_zeros(r[1], filter, dtype, what);
        }
}

// Whether the graph knows the shapes or only the run does.
TEST(Conv2DDegenerate, DerivativesOfOrders1And2AreZerosOrEmpty) {
  for (const Placement& p : placements())
    for (const bool known : {true, false})
      for (const char* device : {"cpu:0", "ref:0"}) {
        const std::string what = std::string(p.name) + (known ? " known " : " unknown ") + device;
        const DType dtype = DType::kFloat64;
        Graph graph;
        const Conv2DAttrs attrs = attrs_of(p, DataFormat::kNHWC);
        const Shape image{3, p.in_h, p.in_w, 2}, filter{p.filter_h, p.filter_w, 2, 3}, out{3, p.out_h, p.out_w, 3};
        const Shape any{-1, -1, -1, -1};
        const Output x = placeholder(graph, dtype, known ? image : any, "x");
        const Output w = placeholder(graph, dtype, known ? filter : any, "w");
        const Output dy = placeholder(graph, dtype, known ? out : any, "dy");
        const Output g = placeholder(graph, dtype, known ? out : any, "g");  // for the derivatives by dy
        const Output dx = conv2d_backprop_input(shape(x), w, dy, attrs);
        const Output dw = conv2d_backprop_filter(x, shape(w), dy, attrs);
        std::vector<Output> first = gradients(reduce_sum(dx * dx), {w, dy});
        for (const Output& d : gradients(reduce_sum(dw * dw), {x, dy})) first.push_back(d);
        // d(dy) is a convolution again: differentiate it by both of its operands.
        std::vector<Output> second = gradients(reduce_sum(first[1] * g), {w, dy});
        for (const Output& d : gradients(reduce_sum(first[3] * g), {x, dy})) second.push_back(d);
        std::vector<Output> fetches = first;
        for (const Output& d : second) {
          ASSERT_TRUE(d.valid()) << what;
          fetches.push_back(d);
        }
        Session session(graph, {.device = device, .poison_outputs = true});
        const std::vector<Tensor> r = session.run({{x, random_uniform_tensor(dtype, image, 1)},
                                                   {w, random_uniform_tensor(dtype, filter, 2)},
                                                   {dy, Tensor::zeros(dtype, out)},
                                                   {g, Tensor::zeros(dtype, out)}},
                                                  fetches);
        const Shape expected[] = {filter, out, image, out, filter, out, image, out};
        for (std::size_t i = 0; i < r.size(); ++i) expect_zeros(r[i], expected[i], dtype, what);
      }
}

TEST(Conv2DDegenerate, NegativeSizesAreStillRefused) {
  Graph graph;
  const Output w = placeholder(graph, DType::kFloat32, {1, 5, 2, 3}),
               x = placeholder(graph, DType::kFloat32, {3, 1, 1, 2});
  const Output dy = placeholder(graph, DType::kFloat32, {3, 1, 0, 3});
  const Conv2DAttrs attrs{.strides = {1, 1, 2, 1}, .padding = Padding::kValid};  // (1 - 5 + 2) / 2 = -1
  const char* text = "the kernel has 5 columns but the padded image only 1: ";
  expect_error(Code::kInvalidArgument, text, [&] { conv2d_backprop_input({3, 1, 1, 2}, w, dy, attrs); });
  expect_error(Code::kInvalidArgument, text, [&] { conv2d_backprop_filter(x, {1, 5, 2, 3}, dy, attrs); });
}

TEST(Conv2DDegenerate, Conv2DStillRefusesWhatItsGradientsTake) {
  for (const Placement& p : placements()) {
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat32, {3, p.in_h, p.in_w, 2});
    const Output w = placeholder(graph, DType::kFloat32, {p.filter_h, p.filter_w, 2, 3});
    expect_error(Code::kInvalidArgument, "but the padded image only",
                 [&] { conv2d(x, w, attrs_of(p, DataFormat::kNHWC)); });
  }
}

TEST(Conv2DDegenerate, OutBackpropMustBeTheEmptyOne) {
  Graph graph;
  const Output w = placeholder(graph, DType::kFloat32, {1, 3, 2, 3}),
               dy = placeholder(graph, DType::kFloat32, {3, 1, 1, 3});
  expect_error(Code::kInvalidArgument, "out_backprop is [3,1,1,3] NHWC but the convolution's output is [3,1,0,3] NHWC",
               [&] {
                 conv2d_backprop_input({3, 1, 1, 2}, w, dy, {.strides = {1, 1, 2, 1}, .padding = Padding::kValid});
               });
}

TEST(Conv2DDegenerate, TheTransposedConvolutionOfNothingIsZeros) {
  for (const char* device : {"cpu:0", "ref:0"}) {
    Graph graph;
    const Output value = constant(graph, Tensor::zeros(DType::kFloat32, {2, 0, 3, 4}));
    const Output w = constant(graph, random_uniform_tensor(DType::kFloat32, {3, 2, 5, 4}, 1));
    const Output y = conv2d_transpose(value, w, {2, 1, 4, 5}, {.strides = {1, 2, 1, 1}, .padding = Padding::kValid});
    Session session(graph, {.device = device, .poison_outputs = true});
    expect_zeros(session.run({y})[0], {2, 1, 4, 5}, DType::kFloat32, device);
  }
}

// Graph files from before allow_empty_output existed are still read.
TEST(Conv2DDegenerate, FilesFromBeforeTheAttributeMeanItsDefault) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {1, 4, 4, 2}),
               w = placeholder(graph, DType::kFloat32, {2, 2, 2, 3});
  conv2d(x, w, {}, "c");
  std::string text = to_json(graph);
  const std::size_t at = text.find("\"allow_empty_output\": false");
  ASSERT_NE(at, std::string::npos);
  const std::size_t comma = text.rfind(',', at);
  text.erase(comma, at + std::string("\"allow_empty_output\": false").size() - comma);
  Graph copy;
  graph_from_json(text, copy);
  EXPECT_FALSE(copy.find_node("c")->attrs().get<Conv2DAttrs>().allow_empty_output);
  EXPECT_EQ(to_json(copy), to_json(graph));
}

// The same for windows of poolings: ksize 1 x 3 on 1 column with stride 2.
TEST(PoolingDegenerate, GradientsAreZerosOrEmptyAndThePoolingsRefuse) {
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW})
    for (const DType dtype : kDTypes)
      for (const char* device : {"cpu:0", "ref:0"}) {
        const std::string what = std::string(data_format_name(format)) + " " + device;
        Graph graph;
        const PoolAttrs attrs{.ksize = ordered(format, 1, 1, 3, 1).dims(),
                              .strides = ordered(format, 1, 1, 2, 1).dims(),
                              .data_format = format};
        const Shape image = ordered(format, 2, 4, 1, 3), pooled = ordered(format, 2, 4, 0, 3);
        const Output x = constant(graph, random_uniform_tensor(dtype, image, 1));
        const Output dy = placeholder(graph, dtype, pooled), g = placeholder(graph, dtype, {-1, -1, -1, -1});
        expect_error(Code::kInvalidArgument, "the window has 3 columns but the padded image only 1",
                     [&] { avg_pool(x, attrs); });
        expect_error(Code::kInvalidArgument, "the window has 3 columns but the padded image only 1",
                     [&] { max_pool(x, attrs); });
        const Output average = avg_pool_grad(shape(x), dy, attrs), maximum = max_pool_grad(x, dy, attrs);
        const Output unknown = avg_pool_grad(shape(x), g, attrs);
        const Output by_dy = gradients(reduce_sum(average * average), {dy})[0];
        const Output by_g = gradients(reduce_sum(unknown * unknown), {g})[0];
        const Output max_by_dy = gradients(reduce_sum(maximum * maximum), {dy})[0];
        const Output again = gradients(reduce_sum(by_dy * by_dy), {dy})[0];
        const Tensor none = Tensor::zeros(dtype, pooled);
        Session session(graph, {.device = device, .optimize = false, .poison_outputs = true});
        const auto r = session.run({{dy, none}, {g, none}}, {average, maximum, by_dy, by_g, max_by_dy, again});
        for (std::size_t i = 0; i < r.size(); ++i) expect_zeros(r[i], i < 2 ? image : pooled, dtype, what);
      }
}

}  // namespace
}  // namespace gradus
