// The peer of bench_conv: the same convolutions in libtorch, in both layouts, one line of JSON per shape, layout and op.
//   peer_conv_libtorch [--threads 2] [--repeats 20] [--only PART_OF_A_NAME]
#include <torch/torch.h>

#include <array>

#include "../conv_shapes.h"
#include "../options.h"

namespace {

void time_convolutions(int threads, int repeats, const std::string& only) {
  using namespace gradus_bench;
  torch::set_num_threads(threads);
  const torch::NoGradGuard no_gradients;
  for (const ConvShape& s : conv_shapes_with(only)) {
    for (const bool last : {false, true}) {
      const auto format = last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous;
      const char* layout = last ? "nhwc" : "nchw";
      const torch::Tensor x = (torch::rand({s.batch, s.in, s.h, s.w}) * 2 - 1).contiguous(format);
      const torch::Tensor w = (torch::rand({s.out, s.in / s.groups(), s.kernel, s.kernel}) * 2 - 1).contiguous(format);
      // As SAME, but with the odd pixel of a strided convolution on the other side: the same work.
      const std::vector<std::int64_t> stride{s.stride, s.stride}, dilation{s.dilation, s.dilation};
      const std::vector<std::int64_t> padding(2, s.valid ? 0 : (s.kernel - 1) * s.dilation / 2);
      torch::Tensor y;
      const double forward =
          median(time_ms(3, repeats, [&] { y = torch::conv2d(x, w, {}, stride, padding, dilation, s.groups()); }));
      print_conv("libtorch", layout, s, 0, threads, forward);
      const torch::Tensor dy = torch::rand_like(y);
      for (const int op : {1, 2}) {
        const std::array<bool, 3> wanted = {op == 1, op == 2, false};
        const double ms = median(time_ms(3, repeats, [&] {
          at::convolution_backward(dy, x, w, c10::nullopt, stride, padding, dilation, false, {0, 0}, s.groups(),
                                   wanted);
        }));
        print_conv("libtorch", layout, s, op, threads, ms);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 2, repeats = 20;
  std::string only;
  example::Options options("peer_conv_libtorch",
                           "The peer of bench_conv in libtorch; prints one line of JSON per shape, layout and op.");
  options.integer("--threads", &threads, 1, 1024, "threads");
  options.integer("--repeats", &repeats, 1, 1 << 20, "runs that are timed");
  options.text("--only", &only, "TEXT", "only the shapes whose name has this in it");
  return gradus_bench::run(argc, argv, "peer_conv_libtorch", options,
                           [&] { time_convolutions(threads, repeats, only); });
}
