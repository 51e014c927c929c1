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

}  // namespace

int main(int argc, char** argv) {
  using namespace gradus_bench;
  const std::string name = option(argc, argv, "model", "lenet5"), layout = option(argc, argv, "layout", "nchw");
  const int batch = option(argc, argv, "batch", 128), threads = option(argc, argv, "threads", 2),
            steps = option(argc, argv, "steps", 60);
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
  const auto train = time_ms(10, steps, [&] {
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(model.forward(images), labels).backward();
    optimizer.step();
  });
  model.eval();
  const auto infer = time_ms(5, steps, [&] {
    const torch::NoGradGuard no_gradients;
    model.forward(images);
  });
  print_train(("libtorch " + layout).c_str(), name, batch, threads, median(train), median(infer));
}
