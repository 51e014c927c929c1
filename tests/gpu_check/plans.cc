// The plans that cuDNN recommends, carried out on the device and by the interpreter of plans (tests/cuda/cudnn_interpreter.h), which the
// tests hold against loops that share no code with it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "gradus/backends/cuda/cudnn/device.h"
#include "gradus/backends/cuda/cudnn/engine.h"
#include "gradus/backends/cuda/device.h"
#include "gradus/core/error.h"
#include "tests/cuda/cudnn_interpreter.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/convolutions.h"
#include "tests/gpu_check/machine.h"
#include "tests/gpu_check/planted.h"
#include "tests/support/conv2d_matrix.h"

namespace gradus::gpu_check {
namespace {

using cudnn::Direction;

constexpr std::int64_t kPlanBatch = 2;   // the interpreter's loops are naive
constexpr unsigned char kPoison = 0xFF;  // NaN in every floating dtype

// Relative to the largest number, as in tests/cuda/cudnn_conv_test.cc; TF32 has float16's eleven bits.
double tolerance_of(const NamedConvolution& c) {
  switch (c.convolution.dtype) {
    case DType::kFloat64: return 1e-12;
    case DType::kFloat32: return c.policy.allow_tf32 ? 2e-3 : 1e-5;
    case DType::kFloat16: return 2e-3;
    default: return 1e-2;
  }
}

std::string place(const Tensor& t) { return fmt::format("a tensor of {} bytes", t.bytes()); }

// A plan's tensors on both sides, by their numbers.
class Operands {
 public:
  Operands(const NamedConvolution& named, cuda::CudaDevice& device) : device_(device) {
    const cudnn::Convolution& c = named.convolution;
    const ConvGeometry& g = c.geometry;
    add(cudnn::kImage, c.dtype, g.input_shape());
    add(cudnn::kFilter, c.dtype, g.filter_shape());
    add(cudnn::kResult, c.dtype, g.output_shape());
    if (c.bias) add(cudnn::kBias, c.dtype, {g.out_channels});
    result_ = c.direction == Direction::kForward         ? cudnn::kResult
              : c.direction == Direction::kBackpropInput ? cudnn::kImage
                                                         : cudnn::kFilter;
    device_.fill(buffers_.at(result_).get(), kPoison, tensors_.at(result_).bytes());
  }

  std::vector<cudnn::Binding> bindings() const {
    std::vector<cudnn::Binding> bindings;
    for (const auto& [operand, buffer] : buffers_) bindings.push_back({operand, buffer.get()});
    return bindings;
  }

  Tensor computed() const {
    Tensor result(tensors_.at(result_).dtype(), tensors_.at(result_).shape());
    device_.copy_to_host(result.raw(), buffers_.at(result_).get(), result.bytes());
    return result;
  }

  Tensor expected(const cudnn::Descriptor& plan) const {
    const testing::InterpretedPlan interpreted(cudnn::json_of(plan));
    std::map<cudnn::Operand, Tensor> tensors;
    testing::PlanMemory memory;
    for (const auto& [operand, tensor] : tensors_) {
      tensors[operand] = tensor.clone();
      memory[std::to_string(operand)] = tensors[operand].raw();
    }
    interpreted.check(memory, [&](const void* address, std::size_t bytes) {
      for (const auto& [operand, tensor] : tensors) {
        if (tensor.raw() == address && bytes > tensor.bytes()) {
          throw internal_error(fmt::format("the plan uses {} bytes of {}", bytes, place(tensor)));
        }
      }
    });
    interpreted.run(memory);
    return tensors.at(result_);
  }

 private:
  void add(cudnn::Operand operand, DType dtype, const Shape& shape) {
    const Tensor& values = tensors_[operand] =
        testing::coarse_random(dtype, shape, static_cast<std::uint64_t>(operand));
    buffers_[operand] = device_.allocate(values.bytes());
    device_.copy_from_host(buffers_[operand].get(), values.raw(), values.bytes());
  }

  cuda::CudaDevice& device_;
  cudnn::Operand result_ = cudnn::kResult;
  std::map<cudnn::Operand, Tensor> tensors_;
  std::map<cudnn::Operand, Buffer> buffers_;
};

// max |difference| / max |expected|; what is NaN in the one alone is infinitely far.
double difference(const Tensor& computed, const Tensor& expected) {
  const double d = testing::relative_difference(computed, expected);
  return d == d ? d : std::numeric_limits<double>::infinity();
}

}  // namespace

void check_plans(const ConvolutionOptions& options, Report& report) {
  fresh_machine();
  cuda::CudaDevice device(0, DeviceOptions{});
  const cudnn::Descriptor properties = cudnn::device_properties(0);
  std::shared_ptr<void> handle;
  std::map<std::string, double> worst;  // by dtype
  const std::vector<NamedConvolution> convolutions = chosen_convolutions(kPlanBatch, options);
  for (const NamedConvolution& c : convolutions) {
    std::string wrong;
    try {
      const cudnn::Plan plan = plan_of(c, properties);
      if (plan.descriptor == nullptr) throw unavailable(plan.description);
      const Operands operands(c, device);
      const Buffer workspace = device.allocate(plan.workspace_bytes);
      device.fill(workspace.get(), kPoison, plan.workspace_bytes);
      cudnn::execute(handle, *plan.descriptor, operands.bindings(), workspace.get(), device.stream());
      std::vector<Tensor> computed = {operands.computed()};
      tamper("plans", computed);
      const double d = difference(computed[0], operands.expected(*plan.descriptor));
      double& most = worst[c.name.substr(0, c.name.find(' '))];
      most = std::max(most, d);
      if (d > tolerance_of(c)) wrong = fmt::format("off by {:.2e}; {}", d, plan.description);
    } catch (const std::exception& error) {
      wrong = std::string(error.what()) + " " + first_failure();
    }
    report.details()["largest_differences"] = worst;
    report.add(c.name, wrong);
  }
  std::string text;
  for (const auto& [dtype, d] : worst) text += fmt::format("{}{} {:.1e}", text.empty() ? "" : ", ", dtype, d);
  report.set_summary(fmt::format("{} plans; largest differences: {}", convolutions.size(), text));
}

}  // namespace gradus::gpu_check
