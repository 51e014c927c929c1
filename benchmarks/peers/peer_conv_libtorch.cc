// The peer of bench_conv: the same convolutions in libtorch, in its faster layout of the two.
//   peer_conv_libtorch [--threads 2] [--repeats 20]
#include <torch/torch.h>

#include <array>

#include "../options.h"

namespace {

struct Shape4 {
  const char* name;
  std::int64_t batch, h, w, in, kernel, out, stride, dilation, groups;
};

constexpr Shape4 kShapes[] = {
    {"lenet5 first 28x28x1->6 5x5", 128, 28, 28, 1, 5, 6, 1, 1, 1},
    {"lenet5 second 14x14x6->16 5x5", 128, 14, 14, 6, 5, 16, 1, 1, 1},
    {"deep_mnist first 28x28x1->32 5x5", 128, 28, 28, 1, 5, 32, 1, 1, 1},
    {"deep_mnist second 14x14x32->64 5x5", 128, 14, 14, 32, 5, 64, 1, 1, 1},
    {"resnet 32x32x3->16 3x3", 128, 32, 32, 3, 3, 16, 1, 1, 1},
    {"resnet 32x32x16->16 3x3", 128, 32, 32, 16, 3, 16, 1, 1, 1},
    {"resnet 32x32x16->32 3x3 stride 2", 128, 32, 32, 16, 3, 32, 2, 1, 1},
    {"resnet 32x32x16->32 1x1 stride 2", 128, 32, 32, 16, 1, 32, 2, 1, 1},
    {"resnet 16x16x32->32 3x3", 128, 16, 16, 32, 3, 32, 1, 1, 1},
    {"resnet 8x8x64->64 3x3", 128, 8, 8, 64, 3, 64, 1, 1, 1},
    {"28x28x128->128 3x3", 16, 28, 28, 128, 3, 128, 1, 1, 1},
    {"28x28x64->64 3x3 dilation 2", 16, 28, 28, 64, 3, 64, 1, 2, 1},
    {"56x56x64 depthwise 3x3", 16, 56, 56, 64, 3, 64, 1, 1, 64},
};

void time_convolutions(int threads, int repeats) {
  using namespace gradus_bench;
  torch::set_num_threads(threads);
  for (const Shape4& s : kShapes) {
    double best[3] = {1e30, 1e30, 1e30}, flops = 0;
    for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
      const torch::Tensor x = torch::rand({s.batch, s.in, s.h, s.w}).contiguous(format);
      const torch::Tensor w = torch::rand({s.out, s.in / s.groups, s.kernel, s.kernel}).contiguous(format);
      // As SAME, but with the odd pixel of a strided convolution on the other side: the same work.
      const std::vector<std::int64_t> stride{s.stride, s.stride}, dilation{s.dilation, s.dilation};
      const std::vector<std::int64_t> padding(2, (s.kernel - 1) * s.dilation / 2);
      torch::Tensor y;
      const torch::NoGradGuard no_gradients;
      best[0] = std::min(
          best[0],
          median(time_ms(3, repeats, [&] { y = torch::conv2d(x, w, {}, stride, padding, dilation, s.groups); })));
      flops = 2.0 * static_cast<double>(y.numel() * w.numel() / s.out);
      const torch::Tensor dy = torch::rand_like(y);
      for (const int direction : {1, 2}) {
        const std::array<bool, 3> wanted = {direction == 1, direction == 2, false};
        best[direction] = std::min(best[direction], median(time_ms(3, repeats, [&] {
                                     at::convolution_backward(dy, x, w, c10::nullopt, stride, padding, dilation, false,
                                                              {0, 0}, s.groups, wanted);
                                   })));
      }
    }
    const char* names[] = {"forward", "backprop_input", "backprop_filter"};
    for (int i = 0; i < 3; ++i) {
      std::printf("{\"shape\": \"%s\", \"op\": \"%s\", \"threads\": %d, \"ms\": %.3f, \"gflops\": %.1f}\n", s.name,
                  names[i], threads, best[i], flops / best[i] * 1e-6);
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 2, repeats = 20;
  example::Options options("peer_conv_libtorch",
                           "The peer of bench_conv in libtorch; prints one line of JSON per shape and op.");
  options.integer("--threads", &threads, 1, 1024, "threads");
  options.integer("--repeats", &repeats, 1, 1 << 20, "runs that are timed");
  return gradus_bench::run(argc, argv, "peer_conv_libtorch", options, [&] { time_convolutions(threads, repeats); });
}
