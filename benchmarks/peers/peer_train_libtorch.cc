// The peer of bench_train: the same models, data and optimiser (momentum SGD, float32) in libtorch. Prints one line of
// JSON.
//   peer_train_libtorch [--model lenet5|deep_mnist] [--batch 128] [--threads 2] [--steps 60] [--layout nchw|nhwc]
#include <torch/torch.h>

#include "../options.h"

namespace {

struct Model : torch::nn::Module {
  explicit Model(bool deep) : deep_(deep) {
    const int c1 = deep ? 32 : 6, c2 = deep ? 64 : 16;
    conv1_ = register_module("conv1", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, c1, 5).padding(2)));
    conv2_ = register_module("conv2", torch::nn::Conv2d(torch::nn::Conv2dOptions(c1, c2, 5).padding(deep ? 2 : 0)));
    fc1_ = register_module("fc1", torch::nn::Linear(deep ? 7 * 7 * 64 : 5 * 5 * 16, deep ? 1024 : 120));
    if (!deep) fc2_ = register_module("fc2", torch::nn::Linear(120, 84));
    fc3_ = register_module("fc3", torch::nn::Linear(deep ? 1024 : 84, 10));
  }
  torch::Tensor forward(torch::Tensor x) {
    x = torch::max_pool2d(torch::relu(conv1_(x)), 2);
    x = torch::max_pool2d(torch::relu(conv2_(x)), 2);
    x = torch::relu(fc1_(x.flatten(1)));
    x = deep_ ? torch::dropout(x, 0.5, is_training()) : torch::relu(fc2_(x));
    return fc3_(x);
  }
  bool deep_;
  torch::nn::Conv2d conv1_{nullptr}, conv2_{nullptr};
  torch::nn::Linear fc1_{nullptr}, fc2_{nullptr}, fc3_{nullptr};
};

void time_training(const gradus_bench::TrainOptions& o, const std::string& layout) {
  const auto& [name, batch, threads, steps] = o;
  torch::set_num_threads(threads);
  torch::manual_seed(1);
  Model model(name == "deep_mnist");
  torch::Tensor images = torch::rand({batch, 1, 28, 28}), labels = torch::randint(10, {batch}, torch::kLong);
  if (layout == "nhwc") {
    model.to(torch::kCPU);
    for (torch::Tensor& p : model.parameters()) {
      if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
    }
    images = images.contiguous(torch::MemoryFormat::ChannelsLast);
  }
  torch::optim::SGD optimizer(model.parameters(), torch::optim::SGDOptions(0.01).momentum(0.9));
  const auto train = gradus_bench::time_ms(10, steps, [&] {
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(model.forward(images), labels).backward();
    optimizer.step();
  });
  model.eval();
  const auto infer = gradus_bench::time_ms(5, steps, [&] {
    const torch::NoGradGuard no_gradients;
    model.forward(images);
  });
  gradus_bench::print_train(("libtorch " + layout).c_str(), name, batch, threads, gradus_bench::median(train),
                            gradus_bench::median(infer));
}

}  // namespace

int main(int argc, char** argv) {
  gradus_bench::TrainOptions o;
  std::string layout = "nchw";
  example::Options options("peer_train_libtorch", "The peer of bench_train in libtorch; prints one line of JSON.");
  o.add_to(&options, {"lenet5", "deep_mnist"});
  options.choice("--layout", &layout, {"nchw", "nhwc"}, "order of the images' dimensions in memory");
  return gradus_bench::run(argc, argv, "peer_train_libtorch", options, [&] { time_training(o, layout); });
}
