// The convolutions that bench_conv and peer_conv_libtorch time: those of lenet5, deep_mnist and resnet20, larger ones as they stand in
// VGG-like networks, depthwise and dilated ones. NHWC float32. Without Gradus' headers, which the peer does not include.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "../examples/common/options.h"

namespace gradus_bench {

struct ConvShape {
  const char* model;  // that has it; "" for none of ours
  std::int64_t batch, h, w, in, kernel, out, stride = 1, dilation = 1;
  bool depthwise = false;  // a filter for each channel; in == out
  bool valid = false;      // padding VALID, else SAME

  std::int64_t groups() const { return depthwise ? in : 1; }
  // Windows along an axis of `size` pixels.
  std::int64_t positions(std::int64_t size) const {
    return (size - (valid ? (kernel - 1) * dilation : 0) + stride - 1) / stride;
  }
  // Whether training computes that op: of the gradients by images not the one by a model's input.
  bool in_training(int op) const { return op != 1 || *model == '\0' || in > 3; }
  // "resnet20 32x32x16->32 3x3 stride 2, batch 128"; no name is a part of another.
  std::string name() const {
    const auto text = [](std::int64_t number) { return std::to_string(number); };
    std::string name = std::string(model) + (*model == '\0' ? "" : " ") + text(h) + "x" + text(w) + "x" + text(in) +
                       "->" + text(out) + (depthwise ? " depthwise " : " ") + text(kernel) + "x" + text(kernel);
    if (stride > 1) name += " stride " + text(stride);
    if (dilation > 1) name += " dilation " + text(dilation);
    if (valid) name += " VALID";
    return name + ", batch " + text(batch);
  }
  // Of each of the three ops, by the definition: 2 per product, whatever the algorithm saves; taps on the padding count.
  double flops() const {
    return 2.0 * static_cast<double>(batch * positions(h) * positions(w) * out * kernel * kernel * in / groups());
  }
  // Of image, filter and result in float32, each of which must pass through memory once.
  double bytes() const {
    return 4.0 * static_cast<double>(batch * (h * w * in + positions(h) * positions(w) * out) +
                                     kernel * kernel * in / groups() * out);
  }
};

inline constexpr ConvShape kConvShapes[] = {
    {"lenet5", 128, 28, 28, 1, 5, 6},
    {"lenet5", 128, 14, 14, 6, 5, 16, 1, 1, false, true},
    {"deep_mnist", 32, 28, 28, 1, 5, 32},
    {"deep_mnist", 128, 28, 28, 1, 5, 32},
    {"deep_mnist", 32, 14, 14, 32, 5, 64},
    {"deep_mnist", 128, 14, 14, 32, 5, 64},
    {"resnet20", 128, 32, 32, 3, 3, 16},
    {"resnet20", 128, 32, 32, 16, 3, 16},
    {"resnet20", 128, 32, 32, 16, 3, 32, 2},
    {"resnet20", 128, 32, 32, 16, 1, 32, 2},
    {"resnet20", 128, 16, 16, 32, 3, 32},
    {"resnet20", 128, 16, 16, 32, 3, 64, 2},
    {"resnet20", 128, 16, 16, 32, 1, 64, 2},
    {"resnet20", 128, 8, 8, 64, 3, 64},
    {"", 16, 56, 56, 64, 3, 64},
    {"", 16, 28, 28, 128, 3, 128},
    {"", 16, 28, 28, 64, 3, 64, 1, 2},
    {"", 16, 28, 28, 128, 3, 128, 1, 4},
    {"", 16, 56, 56, 64, 3, 64, 1, 1, true},
    {"", 16, 56, 56, 64, 3, 64, 2, 1, true},
    {"", 16, 28, 28, 128, 5, 128, 1, 1, true},
};
inline constexpr const char* kConvOps[] = {"forward", "backprop_input", "backprop_filter"};

// Those whose name has `part` in it; the programs that time them refuse a part that none has.
inline std::vector<ConvShape> conv_shapes_with(const std::string& part) {
  std::vector<ConvShape> shapes;
  for (const ConvShape& shape : kConvShapes)
    if (shape.name().find(part) != std::string::npos) shapes.push_back(shape);
  if (shapes.empty())
    throw example::UsageError("no shape has '" + part + "' in its name; bench_conv --list prints them");
  return shapes;
}

// One line, the same for both programs. `layout` is the memory order that was timed; peak_gflops 0 where it is not known.
inline void print_conv(const char* framework, const char* layout, const ConvShape& shape, int op, int threads,
                       double ms, double peak_gflops = 0) {
  const double gflops = shape.flops() / ms * 1e-6;
  std::printf(
      "{\"framework\": \"%s\", \"layout\": \"%s\", \"shape\": \"%s\", \"op\": \"%s\", \"threads\": %d, \"ms\": %.4f, "
      "\"gflops\": %.1f, \"flops_per_byte\": %.2f, \"in_training\": %s",
      framework, layout, shape.name().c_str(), kConvOps[op], threads, ms, gflops, shape.flops() / shape.bytes(),
      shape.in_training(op) ? "true" : "false");
  if (peak_gflops > 0) std::printf(", \"share_of_peak\": %.3f", gflops / peak_gflops);
  std::puts("}");
  std::fflush(stdout);
}

}  // namespace gradus_bench
