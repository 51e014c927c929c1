#include "gradus/io/data/resident_images.h"

#include "gradus/core/caller.h"
#include "gradus/graph/constant_attrs.h"
#include "gradus/graph/location_scope.h"
#include "gradus/graph/scopes.h"
#include "gradus/ops/gather.h"
#include "gradus/ops/gather_images.h"
#include "gradus/ops/reshape.h"
#include "gradus/ops/slice.h"
#include "gradus/ops/source_ops.h"

namespace gradus::io {
namespace {

// Not constant(), which would copy the whole set.
Output shared_constant(Graph& graph, const Tensor& value, At at) {
  return graph.add("Constant", {}, ConstantAttrs{value}, at);
}

// One value per channel from none (`otherwise`), one for all, or one each.
Output channel_values(Graph& graph, std::vector<float> values, float otherwise, std::int64_t channels, At at) {
  const float rest = values.empty() ? otherwise : values[0];
  values.resize(static_cast<std::size_t>(channels), rest);
  return constant(graph, values, at);
}

}  // namespace

ResidentImages resident_images(Graph& graph, const ImageView& view, At at) {
  const Tensor& set = view.images();
  if (view.size() == 0) Caller{"io::resident_images", at}.fail("the set has no images");
  const Augmentation& augmentation = view.augmentation();
  check_augmentation(augmentation, set.shape());
  const std::int64_t channels = set.shape()[3];
  const LocationScope line(at.location);
  const NameScope scope(graph, at.name.empty() ? "resident_images" : at.name);
  ResidentImages result;
  result.choices = placeholder(graph, DType::kInt32, {kUnknownDim, kChoiceColumns}, "choices");
  result.images = gather_images(shared_constant(graph, set, "set"), result.choices,
                                channel_values(graph, augmentation.mean, 0.0F, channels, "mean"),
                                channel_values(graph, augmentation.stddev, 1.0F, channels, "stddev"),
                                {.reflect = augmentation.fill == Fill::kReflect}, "images");
  const Output indices = squeeze(slice(result.choices, {0, kChoiceImage}, {-1, 1}, "index"), {1}, "indices");
  result.labels = gather(shared_constant(graph, view.labels(), "set_labels"), indices, 0, "labels");
  return result;
}

}  // namespace gradus::io
