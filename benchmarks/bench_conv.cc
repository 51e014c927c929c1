// Times Conv2D and its two gradient ops, one line of JSON per shape and op: milliseconds (median), GFLOP/s by the definition, and their share of
// the machine's peak, which a first line gives beside its memory's speed (fma_peak.h, copy_bandwidth.h). Winograd's algorithm computes less than the definition: its share can pass 1.
//   bench_conv [--threads 2] [--repeats 20] [--only PART_OF_A_NAME] [--dtype float32] [--device cpu:0] [--conv-algorithm auto] [--list]
#include <gradus/gradus.h>

#include "conv_shapes.h"
#include "copy_bandwidth.h"
#include "fma_peak.h"
#include "options.h"

namespace {

namespace gd = gradus;

void time_convolutions(int threads, int repeats, const std::string& only, gd::DType dtype, const std::string& device,
                       gd::ConvAlgorithm algorithm) {
  const std::vector<gradus_bench::ConvShape> shapes = gradus_bench::conv_shapes_with(only);
  gradus_bench::FmaPeak peak;
  if (device.rfind("cpu", 0) == 0 && dtype == gd::DType::kFloat32) {
    peak = gradus_bench::measure_fma_peak(threads);
    std::printf(
        "{\"threads\": %d, \"conv_algorithm\": \"%s\", \"vectors\": \"%s\", \"fma_peak_gflops\": %.1f, "
        "\"copy_gb_per_s\": %.1f}\n",
        threads, std::string(gd::conv_algorithm_name(algorithm)).c_str(), peak.vectors, peak.gflops,
        gradus_bench::measure_copy_bandwidth(threads));
  }
  for (const gradus_bench::ConvShape& s : shapes) {
    gd::Graph graph;
    const gd::Conv2DAttrs attrs{.strides = {1, s.stride, s.stride, 1},
                                .padding = s.valid ? gd::Padding::kValid : gd::Padding::kSame,
                                .dilations = {1, s.dilation, s.dilation, 1}};
    const gd::Shape image{s.batch, s.h, s.w, s.in}, filter{s.kernel, s.kernel, s.in / s.groups(), s.out};
    const gd::Output x = gd::variable(graph, gd::random_uniform_tensor(dtype, image, 1, -1, 1)),
                     w = gd::variable(graph, gd::random_uniform_tensor(dtype, filter, 2, -1, 1));
    const gd::Output y = gd::conv2d(x, w, attrs);
    const gd::Output dy = gd::variable(graph, gd::random_uniform_tensor(dtype, y.shape(), 3, -1, 1));
    const gd::Operation ops[] = {y, gd::conv2d_backprop_input(image.dims(), w, dy, attrs),
                                 gd::conv2d_backprop_filter(x, filter.dims(), dy, attrs)};
    gd::Session session(graph, {.device = device, .num_threads = threads, .conv_algorithm = algorithm});
    for (int i = 0; i < 3; ++i) {
      const double ms = gradus_bench::median(gradus_bench::time_ms(3, repeats, [&] { session.run({}, {}, {ops[i]}); }));
      gradus_bench::print_conv("gradus", "nhwc", s, i, threads, ms, peak.gflops);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 2, repeats = 20;
  bool list = false;
  std::string only, device = "cpu:0", dtype = "float32", algorithm = "auto";
  example::Options options("bench_conv",
                           "Times Conv2D and its two gradient ops; prints one line of JSON per shape and op.");
  options.integer("--threads", &threads, 0, 1024, "threads; 0 is one per processor");
  options.integer("--repeats", &repeats, 1, 1 << 20, "runs that are timed");
  options.text("--only", &only, "TEXT", "only the shapes whose name has this in it");
  options.choice("--dtype", &dtype, {"float16", "bfloat16", "float32", "float64"}, "what is computed with");
  options.text("--device", &device, "DEVICE", "where");
  options.choice("--conv-algorithm", &algorithm, gd::conv_algorithm_names(), "how a CPU computes them");
  options.flag("--list", &list, "only print the names of the shapes");
  return gradus_bench::run(argc, argv, "bench_conv", options, [&] {
    if (list) {
      for (const gradus_bench::ConvShape& s : gradus_bench::conv_shapes_with(only)) std::puts(s.name().c_str());
      return;
    }
    time_convolutions(threads, repeats, only, gd::dtype_from_name(dtype), device,
                      gd::conv_algorithm_from_name(algorithm));
  });
}
