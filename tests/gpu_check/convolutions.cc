#include "tests/gpu_check/convolutions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gradus/backends/cuda/cudnn/convolution.h"
#include "gradus/backends/cuda/cudnn/engine.h"
#include "gradus/core/error.h"
#include "tests/cuda/model_convolutions.h"

namespace gradus::gpu_check {
namespace {

using cudnn::Direction;

constexpr struct {
  const char* name;
  Direction direction;
  bool bias, relu;
} kKinds[] = {{"forward", Direction::kForward, false, false},
              {"backprop_input", Direction::kBackpropInput, false, false},
              {"backprop_filter", Direction::kBackpropFilter, false, false},
              {"forward+bias", Direction::kForward, true, false},
              {"forward+bias+relu", Direction::kForward, true, true}};

std::vector<testing::ConvCase> all_cases(std::int64_t batch) {
  std::vector<testing::ConvCase> cases;
  const auto append = [&](const std::vector<testing::ConvCase>& more) {
    cases.insert(cases.end(), more.begin(), more.end());
  };
  for (const char* model : {"lenet5", "deep_mnist", "resnet20"}) append(testing::model_convolutions(model, batch));
  for (const Padding padding : {Padding::kValid, Padding::kSame, Padding::kExplicit}) {
    append(testing::small_conv_matrix(padding));
  }
  return cases;
}

}  // namespace

std::vector<NamedConvolution> chosen_convolutions(std::int64_t batch, const ConvolutionOptions& options) {
  std::vector<NamedConvolution> chosen;
  int left = 0;
  const auto consider = [&](NamedConvolution convolution) {
    if (convolution.name.find(options.only) == std::string::npos) return;
    if (left++ % options.every == 0) chosen.push_back(std::move(convolution));
  };
  for (const testing::ConvCase& c : all_cases(batch)) {
    const ConvGeometry geometry = conv_geometry(c.attrs.placement(), c.input, c.filter);
    for (const auto& kind : kKinds) {
      for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16}) {
        const cudnn::Convolution convolution{kind.direction, dtype, geometry, kind.bias, kind.relu};
        consider({fmt::format("{} {} {}", dtype_name(dtype), kind.name, c.name), convolution, {}});
        if (dtype == DType::kFloat32) {
          consider({fmt::format("tf32 {} {}", kind.name, c.name), convolution, {.allow_tf32 = true}});
        }
      }
    }
  }
  return chosen;
}

cudnn::Plan plan_of(const NamedConvolution& convolution, const cudnn::Descriptor& properties) {
  std::string why_not;
  try {
    const cudnn::Descriptor graph = cudnn::operation_graph(convolution.convolution);
    const std::vector<cudnn::Plan> plans =
        cudnn::plans_for(graph, properties, convolution.convolution.dtype, convolution.policy, 1, &why_not);
    if (!plans.empty()) return plans.front();
  } catch (const Error& error) {
    why_not = error.full_text();
  }
  return {.descriptor = nullptr, .workspace_bytes = 0, .description = why_not};
}

std::string json_of_properties(const cudnn::Descriptor& properties) {
  const std::vector<char> text = properties.get<char>(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
  return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

}  // namespace gradus::gpu_check
