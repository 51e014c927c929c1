// Which algorithm the CPU takes for a convolution: by shape, dtype and what was asked for, and that explain() says why.
#include "gradus/backends/cpu/conv2d_choice.h"

#include <gradus/gradus.h>
#include <gtest/gtest.h>

namespace gradus::cpu {
namespace {

using enum ConvAlgorithm;

struct Case {
  std::int64_t batch, size, in, window, filter_in, out;
  std::int64_t stride = 1, dilation = 1;
};
ConvChoice choice(const Case& c, ConvDirection direction = ConvDirection::kForward, ConvAlgorithm wanted = kAuto,
                  DType dtype = DType::kFloat32) {
  const Conv2DAttrs attrs{.strides = {1, c.stride, c.stride, 1}, .dilations = {1, c.dilation, c.dilation, 1}};
  return choose_conv(
      conv_geometry(attrs.placement(), {c.batch, c.size, c.size, c.in}, {c.window, c.window, c.filter_in, c.out}),
      direction, dtype, wanted);
}
void expect_choice(const ConvChoice& got, ConvAlgorithm algorithm, const std::string& part) {
  EXPECT_EQ(conv_algorithm_name(got.algorithm), conv_algorithm_name(algorithm)) << got.reason;
  EXPECT_NE(got.reason.find(part), std::string::npos) << got.reason;
}

TEST(CpuConvChoice, WinogradWhereItPays) {
  for (const ConvDirection direction :
       {ConvDirection::kForward, ConvDirection::kBackpropInput, ConvDirection::kBackpropFilter}) {
    expect_choice(choice({8, 16, 16, 3, 16, 32}, direction), kWinograd, "F(4x4, 3x3)");
    expect_choice(choice({8, 14, 32, 5, 32, 64}, direction), kWinograd, "F(2x2, 5x5)");
    expect_choice(choice({8, 16, 15, 3, 15, 32}, direction), kDirect, "fewer than 16 channels on a side");
    expect_choice(choice({8, 16, 32, 3, 32, 8}, direction), kDirect, "fewer than 16 channels on a side");
    expect_choice(choice({1, 8, 64, 3, 64, 64}, direction), kDirect, "4 tiles in all, fewer than ");
    expect_choice(choice({8, 16, 16, 3, 16, 32, 1, 2}, direction), kWinograd, "F(4x4, 3x3) on 2x2 interleaved images");
    expect_choice(choice({8, 36, 16, 5, 16, 32, 1, 4}, direction), kWinograd, "F(2x2, 5x5) on 4x4 interleaved images");
    // Of an image of one pixel only the middle tap meets anything; 5 pixels take two tiles per axis, 28 of dilation 4 four times four;
    // of dilation 8, 8 x 8 pixels are 64 images of one.
    expect_choice(choice({64, 1, 16, 3, 16, 32}, direction), kDirect, "36 products per image and pair of channels, in");
    expect_choice(choice({8, 5, 32, 3, 32, 32}, direction), kDirect, "144 products per image and pair of channels, in");
    expect_choice(choice({8, 28, 16, 5, 16, 32, 1, 4}, direction), kDirect, "in place of 13456, do not pay");
    expect_choice(choice({8, 8, 16, 3, 16, 32, 1, 8}, direction), kDirect, "in place of 64, do not pay");
    const bool to_filter = direction == ConvDirection::kBackpropFilter;
    expect_choice(choice({1, 28, 64, 3, 64, 64}, direction), to_filter ? kDirect : kWinograd,
                  to_filter ? "49 tiles in all, fewer than 128" : "F(4x4, 3x3)");
    expect_choice(choice({1, 14, 32, 5, 32, 64}, direction), kWinograd, "F(2x2, 5x5)");
    expect_choice(choice({8, 28, 32, 5, 32, 32, 1, 4}, direction), to_filter ? kDirect : kWinograd, "");
  }
  expect_choice(choice({8, 16, 512, 3, 512, 512}), kWinograd, "F(4x4, 3x3)");
  expect_choice(choice({8, 16, 512, 3, 512, 512}, ConvDirection::kBackpropFilter), kDirect, "would take 36 MiB");
}

TEST(CpuConvChoice, DirectWhereWinogradCannot) {
  for (const ConvAlgorithm wanted : {kAuto, kWinograd}) {
    const auto of = [&](const Case& c) { return choice(c, ConvDirection::kForward, wanted); };
    expect_choice(of({8, 16, 16, 3, 16, 32, 2}), kDirect, "no Winograd: stride 2x2");
    expect_choice(of({8, 16, 32, 3, 16, 32}), kDirect, "no Winograd: 2 groups");
    expect_choice(of({8, 9, 16, 3, 16, 32, 1, 10}), kDirect, "no Winograd: dilation 10x10 for a result of 9x9");
    expect_choice(of({8, 9, 16, 3, 16, 32, 1, 2147483647}), kDirect, "dilation 2147483647x2147483647 for a result");
    expect_choice(of({8, 16, 16, 1, 16, 32}), kDirect, "no Winograd: the kernel is 1x1, not 3x3 or 5x5");
    expect_choice(of({8, 16, 16, 3, 1, 16}), kDirect, "the only algorithm for one channel per group");
    expect_choice(choice({8, 16, 16, 3, 16, 32}, ConvDirection::kForward, wanted, DType::kFloat64), kDirect,
                  "float64 is always computed directly");
  }
}

TEST(CpuConvChoice, WhatIsAskedFor) {
  const Case c{8, 16, 16, 3, 16, 32};
  for (const ConvAlgorithm wanted : {kDirect, kGemm, kWinograd})
    expect_choice(choice(c, ConvDirection::kForward, wanted), wanted, "asked for");
  expect_choice(choice({1, 4, 3, 3, 3, 2}, ConvDirection::kForward, kWinograd), kWinograd, "(asked for)");
  const Conv2DAttrs dilated{.dilations = {1, 2, 3, 1}};
  expect_choice(choose_conv(conv_geometry(dilated.placement(), {1, 9, 9, 16}, {3, 3, 16, 16}), ConvDirection::kForward,
                            DType::kFloat32, kWinograd),
                kWinograd, "Winograd F(4x4, 3x3) on 2x3 interleaved images (asked for)");
}

TEST(CpuConvChoice, ExplainSaysWhy) {
  Graph graph;
  const Output y = conv2d(placeholder(graph, DType::kFloat32, {8, 16, 16, 16}, "x"),
                          constant(graph, Tensor::zeros(DType::kFloat32, {3, 3, 16, 16})));
  Session session(graph, {.device = "cpu:0"}), direct(graph, {.device = "cpu:0", .conv_algorithm = kDirect});
  const Feeds feeds{{y.node().input(0), Tensor::zeros(DType::kFloat32, {8, 16, 16, 16})}};
  EXPECT_NE(session.explain(y, feeds).find("Winograd F(4x4, 3x3)"), std::string::npos) << session.explain(y, feeds);
  EXPECT_NE(direct.explain(y, feeds).find("(asked for)"), std::string::npos) << direct.explain(y, feeds);
}

TEST(ConvAlgorithms, HaveNames) {
  for (const std::string& name : conv_algorithm_names())
    EXPECT_EQ(conv_algorithm_name(conv_algorithm_from_name(name)), name);
  EXPECT_THROW(conv_algorithm_from_name("fast"), Error);
}

}  // namespace
}  // namespace gradus::cpu
