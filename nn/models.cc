#include "gradus/nn/models.h"

#include <array>
#include <optional>
#include <utility>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/recompute_scope.h"
#include "gradus/nn/errors.h"
#include "gradus/nn/layers.h"
#include "gradus/ops/operators.h"
#include "gradus/ops/pooling.h"
#include "gradus/ops/unary.h"

namespace gradus::nn {
namespace {

// One block of the model, where ModelOptions::recompute asks for that.
class RecomputedBlock {
 public:
  RecomputedBlock(Graph& graph, const ModelOptions& o) {
    if (o.recompute) scope_.emplace(graph);
  }

 private:
  std::optional<RecomputeScope> scope_;
};

Output conv_bn(const Output& x, std::int64_t filters, std::int64_t kernel, std::int64_t stride, const ModelOptions& o,
               std::string_view name) {
  const NameScope scope(x.graph(), name);
  const Output y = conv2d(
      x, {.filters = filters, .kernel = {kernel, kernel}, .strides = {stride, stride}, .use_bias = false, .l2 = o.l2},
      "conv");
  return batch_norm(y, {.training = o.training, .momentum = 0.9, .epsilon = 1e-5}, "bn");
}

Output stem(const Output& images, const ModelOptions& o) {
  const RecomputedBlock block(images.graph(), o);
  return relu(conv_bn(images, 16, 3, 1, o, "stem"));
}

// max_pool2d(relu(conv2d(x))) with 5x5 filters.
Output conv_pool(const Output& x, std::int64_t filters, Padding padding, const ModelOptions& o, std::string_view conv,
                 std::string_view pool) {
  const RecomputedBlock block(x.graph(), o);
  const Output h = relu(conv2d(x, {.filters = filters, .kernel = {5, 5}, .padding = padding, .l2 = o.l2}, conv));
  return max_pool2d(h, {.size = 2}, pool);
}

// relu(x' + F(x)), x' the shortcut.
Output residual_block(const Output& x, std::int64_t filters, std::int64_t stride, const ModelOptions& o,
                      std::string_view name) {
  const NameScope scope(x.graph(), name);
  const RecomputedBlock block(x.graph(), o);
  Output y = relu(conv_bn(x, filters, 3, stride, o, "a"));
  y = conv_bn(y, filters, 3, 1, o, "b");
  const Output shortcut = x.shape()[3] == filters && stride == 1 ? x : conv_bn(x, filters, 1, stride, o, "shortcut");
  return relu(shortcut + y);
}

void check_model(const Place& place, const Output& images, const ModelOptions& o) {
  place.check_defined("images", images);
  if (images.shape().rank() != 4)
    place.fail("images must be [batch, rows, columns, channels]; got shape " + images.shape().to_string());
  place.check_floating("images", images);
  if (o.classes < 1) place.fail("classes must be at least 1; got " + std::to_string(o.classes));
  place.check_not_negative("l2", o.l2);
}

const std::array<std::pair<const char*, ModelFn>, 3> kModels = {
    {{"lenet5", lenet5}, {"deep_mnist", deep_mnist}, {"resnet20", resnet20}}};

}  // namespace

Output lenet5(const Output& images, const ModelOptions& o, SourceLocation location) {
  const Place place("lenet5", location);
  check_model(place, images, o);
  const NameScope scope(images.graph(), "lenet5");
  Output h = conv_pool(images, 6, Padding::kSame, o, "conv1", "pool1");
  h = flatten(conv_pool(h, 16, Padding::kValid, o, "conv2", "pool2"));
  h = relu(dense(h, {.units = 120, .kernel_initializer = he_normal(), .l2 = o.l2}, "fc1"));
  h = relu(dense(h, {.units = 84, .kernel_initializer = he_normal(), .l2 = o.l2}, "fc2"));
  return dense(h, {.units = o.classes, .l2 = o.l2}, "logits");
}

Output deep_mnist(const Output& images, const ModelOptions& o, SourceLocation location) {
  const Place place("deep_mnist", location);
  check_model(place, images, o);
  const NameScope scope(images.graph(), "deep_mnist");
  Output h = conv_pool(images, 32, Padding::kSame, o, "conv1", "pool1");
  h = flatten(conv_pool(h, 64, Padding::kSame, o, "conv2", "pool2"));
  h = relu(dense(h, {.units = 1024, .kernel_initializer = he_normal(), .l2 = o.l2}, "fc1"));
  h = dropout(h, {.rate = 0.5, .training = o.training});
  return dense(h, {.units = o.classes, .l2 = o.l2}, "logits");
}

Output resnet20(const Output& images, const ModelOptions& o, SourceLocation location) {
  const Place place("resnet20", location);
  check_model(place, images, o);
  const NameScope scope(images.graph(), "resnet20");
  Output h = stem(images, o);
  for (const std::int64_t stage : {1, 2, 3}) {
    for (const std::int64_t block : {1, 2, 3}) {
      const std::int64_t stride = stage > 1 && block == 1 ? 2 : 1;
      h = residual_block(h, 8 << stage, stride, o, "stage" + std::to_string(stage) + "_block" + std::to_string(block));
    }
  }
  return dense(global_avg_pool(h), {.units = o.classes, .l2 = o.l2}, "logits");
}

ModelFn model_by_name(std::string_view name) {
  for (const auto& [known, model] : kModels) {
    if (name == known) return model;
  }
  throw not_found("no model '" + std::string(name) + "'" + did_you_mean(name, model_names()) +
                  "; models: lenet5, deep_mnist, resnet20");
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& [name, model] : kModels) names.emplace_back(name);
  return names;
}

}  // namespace gradus::nn
