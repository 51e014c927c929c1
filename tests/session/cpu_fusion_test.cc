// Every chain that the CPU computes in one pass: it is found in a graph that a user writes, forward and backward, the values are those of
// plans that fuse nothing, to the bit, and where it would not be the same it is left alone.
#include <fmt/format.h>
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace gradus {
namespace {

using Ops = std::vector<std::string>;

// "FusedBatchNorm+Relu" for every step of several nodes, sorted.
Ops fused_ops(const PlanReport& report) {
  Ops all;
  for (const PlanReport::Step& step : report.steps) {
    if (step.nodes.size() < 2) continue;
    std::string ops;
    for (const PlanReport::Part& part : step.nodes) ops += (ops.empty() ? "" : "+") + part.op;
    all.push_back(ops);
  }
  std::sort(all.begin(), all.end());
  return all;
}

class CpuFusion : public testing::TestWithParam<DType> {
 protected:
  Output values(const Shape& shape, std::uint64_t seed) {
    return variable(graph, random_normal_tensor(DType::kFloat32, shape, seed).cast(GetParam()));
  }

  // One number per channel, of the dtype that statistics have.
  Output parameters(std::int64_t channels, std::uint64_t seed) {
    const DType dtype = is_half(GetParam()) ? DType::kFloat32 : GetParam();
    return variable(graph, random_normal_tensor(DType::kFloat32, {channels}, seed).cast(dtype));
  }

  // Images and filters for each of the CPU's kernels: direct, on panels that are no whole vectors; Winograd's; depthwise; from one
  // channel to few, and from many to few; Winograd's with dilation.
  struct Conv {
    std::int64_t batch, h, w, in, window, filter_in, out, stride, dilation;
  };
  static constexpr Conv kConvs[] = {{2, 7, 6, 3, 3, 3, 5, 2, 1},    {6, 9, 10, 16, 3, 16, 24, 1, 1},
                                    {4, 6, 7, 16, 5, 16, 16, 1, 1}, {2, 5, 6, 4, 3, 1, 4, 1, 1},
                                    {2, 6, 9, 35, 3, 1, 35, 1, 1},  {2, 7, 9, 1, 5, 1, 6, 1, 1},
                                    {2, 5, 9, 40, 3, 40, 2, 1, 1},  {2, 17, 20, 16, 3, 16, 24, 1, 2}};
  static Conv2DAttrs attrs_of(const Conv& c, DataFormat format) {
    Conv2DAttrs attrs{.data_format = format};
    const ImageAxes axes = image_axes(format);
    attrs.strides[static_cast<std::size_t>(axes.height)] = c.stride;
    attrs.strides[static_cast<std::size_t>(axes.width)] = c.stride;
    attrs.dilations[static_cast<std::size_t>(axes.height)] = c.dilation;
    attrs.dilations[static_cast<std::size_t>(axes.width)] = c.dilation;
    return attrs;
  }

  // Twice, on one thread and on two; the second time with what the first has assigned.
  void expect_fused(const Ops& ops, const std::vector<Output>& fetches) {
    Session plain(graph, {.device = "cpu:0", .num_threads = 1, .optimize = false});
    EXPECT_EQ(fused_ops(plain.report({}, fetches)), Ops());
    const std::vector<Tensor> expected = plain.run({}, fetches);
    for (const int threads : {1, 2}) {
      Session fused(graph, {.device = "cpu:0", .num_threads = threads, .poison_outputs = true});
      EXPECT_EQ(fused_ops(fused.report({}, fetches)), ops) << fused.explain({}, fetches, {}, {.top = 0});
      for (int run = 0; run < 2; ++run) {
        const std::vector<Tensor> got = fused.run({}, fetches);
        for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(bit_equal(got[i], expected[i])) << "fetch " << i;
      }
    }
  }

  Graph graph;
};

INSTANTIATE_TEST_SUITE_P(Dtypes, CpuFusion,
                         testing::Values(DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64),
                         [](const auto& parameter) { return std::string(dtype_name(parameter.param)); });

// Its results behind the first, which a fused kernel gives as well. They go on, since a node that is fetched is a step of its own.
std::vector<Output> with_statistics(const Output& y, const BatchNormOutputs& norm) {
  return {y, -norm.batch_mean, -norm.batch_variance, -norm.saved_mean, -norm.saved_inv_std};
}

TEST_P(CpuFusion, BatchNormAndRelu) {
  std::vector<Output> fetches;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    const Output x = values(image_shape(format, 3, 5, 7, 6), 1);
    const BatchNormOutputs norm = fused_batch_norm(x, parameters(6, 2), parameters(6, 3), {.data_format = format});
    for (const Output& fetch : with_statistics(relu(norm.y), norm)) fetches.push_back(fetch);
    const Output mean = parameters(6, 4), variance = square(parameters(6, 5));
    fetches.push_back(relu(fused_batch_norm(x, parameters(6, 2), parameters(6, 3), mean, variance,
                                            {.is_training = false, .data_format = format})
                               .y));
  }
  expect_fused(Ops(4, "FusedBatchNorm+Relu"), fetches);
}

TEST_P(CpuFusion, BatchNormAndAShortcutOnEitherSideAndRelu) {
  std::vector<Output> fetches;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    const Shape shape = image_shape(format, 2, 4, 3, 20);
    const BatchNormOutputs norm =
        fused_batch_norm(values(shape, 1), parameters(20, 2), parameters(20, 3), {.data_format = format});
    const BatchNormOutputs other =
        fused_batch_norm(values(shape, 4), parameters(20, 2), parameters(20, 3), {.data_format = format});
    for (const Output& fetch : with_statistics(relu(norm.y + values(shape, 5)), norm)) fetches.push_back(fetch);
    for (const Output& fetch : with_statistics(relu(values(shape, 6) + other.y), other)) fetches.push_back(fetch);
  }
  expect_fused(Ops(4, "FusedBatchNorm+Add+Relu"), fetches);
}

// A sum that is broadcast has other elements than batch norm's result, or is no shortcut.
TEST_P(CpuFusion, ABroadcastSumIsNotFused) {
  const Output x = values({2, 1, 1, 8}, 1);
  const BatchNormOutputs norm = fused_batch_norm(x, parameters(8, 2), parameters(8, 3));
  expect_fused({}, {relu(norm.y + values({2, 3, 3, 8}, 4))});
  expect_fused({}, {relu(norm.y + values({8}, 5))});
}

TEST_P(CpuFusion, GradientsOfReluAndBatchNorm) {
  std::vector<Output> fetches;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    const Output x = values(image_shape(format, 3, 5, 7, 6), 1), scale = parameters(6, 2), offset = parameters(6, 3);
    const Output y = relu(fused_batch_norm(x, scale, offset, {.data_format = format}).y);
    for (const Output& fetch : gradients(y, {x, scale, offset}, values(y.shape(), 4))) fetches.push_back(fetch);
  }
  expect_fused(
      {"FusedBatchNorm+Relu", "FusedBatchNorm+Relu", "ReluGrad+FusedBatchNormGrad", "ReluGrad+FusedBatchNormGrad"},
      fetches);
}

TEST_P(CpuFusion, BiasesAndActivationsOfConvolutions) {
  std::vector<Output> fetches;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    for (const Conv& c : kConvs) {
      const Output x = values(image_shape(format, c.batch, c.h, c.w, c.in), 1);
      const auto conv = [&](std::uint64_t seed) {
        return conv2d(x, values({c.window, c.window, c.filter_in, c.out}, seed), attrs_of(c, format));
      };
      const Output bias = values({c.out}, 2);
      const BiasAddAttrs attrs{.data_format = format};
      for (const Output& y : {bias_add(conv(3), bias, attrs), relu(bias_add(conv(4), bias, attrs)),
                              relu6(bias_add(conv(5), bias, attrs)), relu(conv(6)), relu6(conv(7))})
        fetches.push_back(y);
    }
  }
  Ops ops;
  for (const char* chain :
       {"Conv2D+BiasAdd", "Conv2D+BiasAdd+Relu", "Conv2D+BiasAdd+Relu6", "Conv2D+Relu", "Conv2D+Relu6"})
    for (std::size_t i = 0; i < 2 * std::size(kConvs); ++i) ops.push_back(chain);
  expect_fused(ops, fetches);
}

// A bias along another axis than the convolution's channels.
TEST_P(CpuFusion, ABiasOfAnotherDataFormat) {
  std::vector<Output> fetches;
  const auto add = [&](DataFormat format, const Shape& image, std::int64_t channels) {
    const Output x = values(image, 1);
    const Output y = conv2d(x, values({3, 3, format == DataFormat::kNHWC ? image[3] : image[1], channels}, 2),
                            {.data_format = format});
    const bool nchw = format == DataFormat::kNCHW;
    fetches.push_back(relu(bias_add(y, values({y.shape()[nchw ? 3 : 1]}, 3),
                                    {.data_format = nchw ? DataFormat::kNHWC : DataFormat::kNCHW})));
  };
  add(DataFormat::kNHWC, {2, 4, 5, 3}, 6);
  // More and fewer biases than channels, and enough pixels that they are repeated.
  add(DataFormat::kNCHW, {1, 3, 200, 5}, 3);
  add(DataFormat::kNCHW, {1, 2, 64, 3}, 8);
  add(DataFormat::kNCHW, {2, 2, 3, 4}, 3);
  expect_fused(Ops(4, "Conv2D+BiasAdd+Relu"), fetches);
}

// Of one pixel the biases of NCHW lie side by side, too.
TEST_P(CpuFusion, BiasesOfOnePixel) {
  std::vector<Output> fetches;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    for (const std::int64_t filter_in : {5, 1}) {
      const Output y =
          conv2d(values(image_shape(format, 3, 1, 1, 5), 1), values({1, 1, filter_in, 10}, 2), {.data_format = format});
      fetches.push_back(relu(bias_add(y, values({10}, 3), {.data_format = format})));
    }
    const Output y = conv2d(values(image_shape(format, 2, 3, 3, 16), 1), values({3, 3, 16, 400}, 2),
                            {.padding = Padding::kValid, .data_format = format});
    fetches.push_back(relu(bias_add(y, values({400}, 3), {.data_format = format})));
  }
  expect_fused(Ops(6, "Conv2D+BiasAdd+Relu"), fetches);
}

TEST_P(CpuFusion, SumsAndActivationsBehindTheImagesGradient) {
  std::vector<Output> fetches;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    for (const Conv& c : kConvs) {
      const Shape image = image_shape(format, c.batch, c.h, c.w, c.in);
      const Output filter = values({c.window, c.window, c.filter_in, c.out}, 1);
      const Shape out = conv2d(values(image, 2), filter, attrs_of(c, format)).shape();
      const auto dx = [&](std::uint64_t seed) {
        return conv2d_backprop_input(image.dims(), filter, values(out, seed), attrs_of(c, format));
      };
      const Output more = values(image, 3), another = values(image, 4), y = values(image, 5);
      for (const Output& fetch :
           {add_n({dx(6), more}), add_n({more, another, dx(7)}), relu_grad(add_n({more, dx(8)}), y),
            relu6_grad(add_n({dx(9), dx(10)}), y), relu_grad(dx(11), y), relu6_grad(dx(12), y)})
        fetches.push_back(fetch);
    }
  }
  Ops ops;
  for (const char* chain :
       {"Conv2DBackpropInput+AddN", "Conv2DBackpropInput+AddN", "Conv2DBackpropInput+AddN+Relu6Grad",
        "Conv2DBackpropInput+AddN+ReluGrad", "Conv2DBackpropInput+Relu6Grad", "Conv2DBackpropInput+ReluGrad"})
    for (std::size_t i = 0; i < 2 * std::size(kConvs); ++i) ops.push_back(chain);
  expect_fused(ops, fetches);
}

// Filters with an infinity, whose products with padding are put right before the rest of the chain.
TEST_P(CpuFusion, InfinitiesInFilters) {
  Tensor filter = random_normal_tensor(DType::kFloat32, {3, 3, 16, 16}, 1).cast(GetParam());
  filter.set(0, std::numeric_limits<double>::infinity());
  const Output w = variable(graph, filter), x = values({1, 6, 6, 16}, 2);
  const Output dx = conv2d_backprop_input({1, 6, 6, 16}, w, values({1, 6, 6, 16}, 3));
  expect_fused({"Conv2D+BiasAdd+Relu", "Conv2DBackpropInput+AddN+ReluGrad"},
               {relu(bias_add(conv2d(x, w), values({16}, 4))), relu_grad(add_n({dx, x}), x)});
}

// Values with ties, zeros of both signs and NaN.
Tensor uneven_values(const Shape& shape) {
  Tensor values(DType::kFloat64, shape);
  const double some[] = {-1, -0.0, 0, 2, 2, -3, -0.0, 0.5, std::numeric_limits<double>::quiet_NaN(), -2, 1, -1, 0};
  for (std::int64_t i = 0; i < values.num_elements(); ++i) values.set(i, some[i * i % 31 % 13]);
  return values;
}

// Windows that tile the image and others, channels around the width of vectors.
TEST_P(CpuFusion, PoolingAndRelu) {
  std::vector<Output> fetches;
  Ops ops;
  for (const DataFormat format : {DataFormat::kNHWC, DataFormat::kNCHW}) {
    for (const std::int64_t channels : {1, 6, 19}) {
      for (const PoolAttrs& attrs :
           {square_pool(2, 2, Padding::kValid, format), square_pool(3, 2, Padding::kSame, format)}) {
        const Shape image = image_shape(format, 2, 6, 8, channels);
        const Output x = variable(graph, uneven_values(image).cast(GetParam())), other = values(image, 3);
        const Shape pooled = max_pool(x, attrs).shape();
        for (const Output& fetch : {relu(max_pool(x, attrs)), max_pool(relu(x), attrs),
                                    relu_grad(max_pool_grad(x, values(pooled, 4), attrs), x),
                                    relu_grad(max_pool_grad(x, values(pooled, 5), attrs), other)})
          fetches.push_back(fetch);
      }
    }
  }
  for (const char* chain : {"MaxPool+Relu", "MaxPoolGrad+ReluGrad", "MaxPoolGrad+ReluGrad", "Relu+MaxPool"})
    ops.insert(ops.end(), 12, chain);
  std::sort(ops.begin(), ops.end());
  expect_fused(ops, fetches);
}

// What training does: Relu's result is needed once more, by the gradients, which have Relu's in one pass.
TEST_P(CpuFusion, GradientsOfPoolingAndRelu) {
  const Output x = values({2, 6, 4, 5}, 1);
  const Output y = max_pool(relu(bias_add(x, values({5}, 2))), square_pool(2, 2));
  expect_fused({"BiasAdd+Relu", "MaxPoolGrad+ReluGrad"}, {y, gradients(y, {x}, values(y.shape(), 3)).at(0)});
}

// Two users of a sum: nothing may be hidden from the second.
TEST_P(CpuFusion, WhatOthersUseIsNotFused) {
  const Output y = conv2d(values({1, 4, 4, 3}, 1), values({3, 3, 3, 4}, 2));
  expect_fused({}, {relu(y), y});
}

}  // namespace
}  // namespace gradus
