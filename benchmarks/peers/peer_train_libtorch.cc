// The peer of bench_train: the same models, data and optimiser (momentum SGD, float32) in libtorch. Prints one line of
// JSON.
//   peer_train_libtorch [--model lenet5|deep_mnist|resnet20] [--batch 128] [--threads 2] [--steps 60] [--layout nchw|nhwc]
#include <torch/torch.h>
#include <torch/version.h>

#include "../options.h"

namespace {

struct Model : torch::nn::Module {
  virtual torch::Tensor forward(torch::Tensor x) = 0;
};

struct Mnist final : Model {
  explicit Mnist(bool deep) : deep_(deep) {
    const int c1 = deep ? 32 : 6, c2 = deep ? 64 : 16;
    conv1_ = register_module("conv1", torch::nn::Conv2d(torch::nn::Conv2dOptions(1, c1, 5).padding(2)));
    conv2_ = register_module("conv2", torch::nn::Conv2d(torch::nn::Conv2dOptions(c1, c2, 5).padding(deep ? 2 : 0)));
    fc1_ = register_module("fc1", torch::nn::Linear(deep ? 7 * 7 * 64 : 5 * 5 * 16, deep ? 1024 : 120));
    if (!deep) fc2_ = register_module("fc2", torch::nn::Linear(120, 84));
    fc3_ = register_module("fc3", torch::nn::Linear(deep ? 1024 : 84, 10));
  }
  torch::Tensor forward(torch::Tensor x) override {
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

// A convolution without bias, and batch norm.
torch::nn::Sequential conv_bn(int in, int out, int kernel, int stride) {
  return torch::nn::Sequential(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false)),
      torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(out).eps(1e-5).momentum(0.1)));
}

struct ResidualBlock final : Model {
  ResidualBlock(int in, int out, int stride) {
    a_ = register_module("a", conv_bn(in, out, 3, stride));
    b_ = register_module("b", conv_bn(out, out, 3, 1));
    if (in != out) shortcut_ = register_module("shortcut", conv_bn(in, out, 1, stride));
  }
  torch::Tensor forward(torch::Tensor x) override {
    const torch::Tensor y = b_->forward(torch::relu(a_->forward(x)));
    return torch::relu((shortcut_ ? shortcut_->forward(x) : x) + y);
  }
  torch::nn::Sequential a_{nullptr}, b_{nullptr}, shortcut_{nullptr};
};

struct ResNet20 final : Model {
  ResNet20() {
    stem_ = register_module("stem", conv_bn(3, 16, 3, 1));
    for (int stage = 1; stage <= 3; ++stage) {
      for (int block = 1; block <= 3; ++block) {
        const bool first = stage > 1 && block == 1;
        const int out = 8 << stage;
        blocks_.push_back(register_module("block" + std::to_string(blocks_.size()),
                                          std::make_shared<ResidualBlock>(first ? out / 2 : out, out, first ? 2 : 1)));
      }
    }
    logits_ = register_module("logits", torch::nn::Linear(64, 10));
  }
  torch::Tensor forward(torch::Tensor x) override {
    x = torch::relu(stem_->forward(x));
    for (const auto& block : blocks_) x = block->forward(x);
    return logits_(x.mean({2, 3}));
  }
  torch::nn::Sequential stem_{nullptr};
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
  torch::nn::Linear logits_{nullptr};
};

void time_training(const gradus_bench::TrainOptions& o, const std::string& layout) {
  const auto& [name, batch, threads, steps] = o;
  torch::set_num_threads(threads);
  torch::manual_seed(1);
  const bool resnet = name == "resnet20";
  const std::shared_ptr<Model> model =
      resnet ? std::shared_ptr<Model>(std::make_shared<ResNet20>()) : std::make_shared<Mnist>(name == "deep_mnist");
  torch::Tensor images = resnet ? torch::rand({batch, 3, 32, 32}) : torch::rand({batch, 1, 28, 28}),
                labels = torch::randint(10, {batch}, torch::kLong);
  if (layout == "nhwc") {
    model->to(torch::kCPU);
    for (torch::Tensor& p : model->parameters()) {
      if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
    }
    images = images.contiguous(torch::MemoryFormat::ChannelsLast);
  }
  // The rate of bench_train, which says why.
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(1e-6).momentum(0.9));
  const gradus_bench::BusyProcessors processors;
  volatile float kept = 0;
  const auto train = gradus_bench::time_ms(10, steps, [&] {
    optimizer.zero_grad();
    const torch::Tensor loss = torch::nn::functional::cross_entropy(model->forward(images), labels);
    loss.backward();
    optimizer.step();
    kept = loss.item<float>();
  });
  const double busy = processors.mean();
  model->eval();
  const auto infer = gradus_bench::time_ms(5, steps, [&] {
    const torch::NoGradGuard no_gradients;
    model->forward(images);
  });
  gradus_bench::print_train("libtorch " + layout, TORCH_VERSION, o, gradus_bench::median(train),
                            gradus_bench::median(infer), busy);
}

}  // namespace

int main(int argc, char** argv) {
  gradus_bench::TrainOptions o;
  std::string layout = "nchw";
  example::Options options("peer_train_libtorch", "The peer of bench_train in libtorch; prints one line of JSON.");
  o.add_to(&options, {"lenet5", "deep_mnist", "resnet20"});
  options.choice("--layout", &layout, {"nchw", "nhwc"}, "order of the images' dimensions in memory");
  return gradus_bench::run(argc, argv, "peer_train_libtorch", options, [&] { time_training(o, layout); });
}
