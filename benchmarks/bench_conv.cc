// Times Conv2D and its two gradient ops, one line of JSON per shape and op: milliseconds (median) and GFLOP/s.
//   bench_conv [--threads 2] [--repeats 20] [--only PART_OF_A_NAME] [--dtype float32] [--device cpu:0] [--conv-algorithm auto]
#include <gradus/gradus.h>

#include "options.h"

namespace {

struct Shape4 {
  const char* name;
  std::int64_t batch, h, w, in, kernel, out, stride, dilation;
  bool depthwise;
};

constexpr Shape4 kShapes[] = {
    {"lenet5 first 28x28x1->6 5x5", 128, 28, 28, 1, 5, 6, 1, 1, false},
    {"lenet5 second 14x14x6->16 5x5", 128, 14, 14, 6, 5, 16, 1, 1, false},
    {"deep_mnist first 28x28x1->32 5x5", 128, 28, 28, 1, 5, 32, 1, 1, false},
    {"deep_mnist second 14x14x32->64 5x5", 128, 14, 14, 32, 5, 64, 1, 1, false},
    {"resnet 32x32x3->16 3x3", 128, 32, 32, 3, 3, 16, 1, 1, false},
    {"resnet 32x32x16->16 3x3", 128, 32, 32, 16, 3, 16, 1, 1, false},
    {"resnet 32x32x16->32 3x3 stride 2", 128, 32, 32, 16, 3, 32, 2, 1, false},
    {"resnet 32x32x16->32 1x1 stride 2", 128, 32, 32, 16, 1, 32, 2, 1, false},
    {"resnet 16x16x32->32 3x3", 128, 16, 16, 32, 3, 32, 1, 1, false},
    {"resnet 8x8x64->64 3x3", 128, 8, 8, 64, 3, 64, 1, 1, false},
    {"28x28x128->128 3x3", 16, 28, 28, 128, 3, 128, 1, 1, false},
    {"28x28x64->64 3x3 dilation 2", 16, 28, 28, 64, 3, 64, 1, 2, false},
    {"56x56x64 depthwise 3x3", 16, 56, 56, 64, 3, 64, 1, 1, true},
};

namespace gd = gradus;

void time_convolutions(int threads, int repeats, const std::string& only, gd::DType dtype, const std::string& device,
                       gd::ConvAlgorithm algorithm) {
  for (const Shape4& s : kShapes) {
    if (std::string(s.name).find(only) == std::string::npos) continue;
    gd::Graph graph;
    const gd::Conv2DAttrs attrs{.strides = {1, s.stride, s.stride, 1},
                                .padding = gd::Padding::kSame,
                                .dilations = {1, s.dilation, s.dilation, 1}};
    const gd::Shape image{s.batch, s.h, s.w, s.in}, filter{s.kernel, s.kernel, s.depthwise ? 1 : s.in, s.out};
    const gd::Output x = gd::variable(graph, gd::random_uniform_tensor(dtype, image, 1, -1, 1)),
                     w = gd::variable(graph, gd::random_uniform_tensor(dtype, filter, 2, -1, 1));
    const gd::Output y = gd::conv2d(x, w, attrs);
    const gd::Output dy = gd::variable(graph, gd::random_uniform_tensor(dtype, y.shape(), 3, -1, 1));
    const std::pair<const char*, gd::Output> ops[] = {
        {"forward", y},
        {"backprop_input", gd::conv2d_backprop_input(image.dims(), w, dy, attrs)},
        {"backprop_filter", gd::conv2d_backprop_filter(x, filter.dims(), dy, attrs)}};
    const double flops = 2.0 * static_cast<double>(y.shape().num_elements() * filter[0] * filter[1] * filter[2]);
    gd::Session session(graph, {.device = device, .num_threads = threads, .conv_algorithm = algorithm});
    for (const auto& [direction, output] : ops) {
      const gd::Operation op = output;
      const double ms = gradus_bench::median(gradus_bench::time_ms(3, repeats, [&] { session.run({}, {}, {op}); }));
      std::printf("{\"shape\": \"%s\", \"op\": \"%s\", \"threads\": %d, \"ms\": %.3f, \"gflops\": %.1f}\n", s.name,
                  direction, threads, ms, flops / ms * 1e-6);
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 2, repeats = 20;
  std::string only, device = "cpu:0", dtype = "float32", algorithm = "auto";
  example::Options options("bench_conv",
                           "Times Conv2D and its two gradient ops; prints one line of JSON per shape and op.");
  options.integer("--threads", &threads, 0, 1024, "threads; 0 is one per processor");
  options.integer("--repeats", &repeats, 1, 1 << 20, "runs that are timed");
  options.text("--only", &only, "TEXT", "only the shapes whose name has this in it");
  options.choice("--dtype", &dtype, {"float16", "bfloat16", "float32", "float64"}, "what is computed with");
  options.text("--device", &device, "DEVICE", "where");
  options.choice("--conv-algorithm", &algorithm, gd::conv_algorithm_names(), "how a CPU computes them");
  return gradus_bench::run(argc, argv, "bench_conv", options, [&] {
    time_convolutions(threads, repeats, only, gd::dtype_from_name(dtype), device,
                      gd::conv_algorithm_from_name(algorithm));
  });
}
