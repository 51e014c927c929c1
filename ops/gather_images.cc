#include "gradus/ops/gather_images.h"

#include <fmt/format.h>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void require_values_per_channel(ShapeContext& c, int i, const char* name) {
  const std::int64_t channels = c.input_shape(0)[3];
  const Shape& shape = c.input_shape(i);
  if (c.input_dtype(i) == DType::kFloat32 && shape.compatible_with(Shape{channels})) return;
  c.fail(fmt::format("{} must be float32, one value per channel; got {} {} for images {} NHWC", name,
                     dtype_name(c.input_dtype(i)), shape.to_string(), c.input_shape(0).to_string()));
}

// Kernels count within an image in 32 bits.
void require_small_images(ShapeContext& c) {
  std::int64_t elements = 1;
  for (int d = 1; d < 4; ++d) {
    const std::int64_t size = c.input_shape(0)[d];
    if (size == 0 || size == kUnknownDim) return;
    if (size > INT32_MAX / elements) {
      c.fail(
          fmt::format("an image must have fewer than 2^31 values; got images {} NHWC", c.input_shape(0).to_string()));
    }
    elements *= size;
  }
}

void gather_images_shape(ShapeContext& c) {
  c.require_rank(0, 4, "images");
  const DType dtype = c.input_dtype(0);
  if (dtype != DType::kUInt8 && dtype != DType::kFloat32) {
    c.fail(fmt::format("images must be uint8 or float32; got {} {}", dtype_name(dtype), c.input_shape(0).to_string()));
  }
  const Shape& choices = c.input_shape(1);
  if (c.input_dtype(1) != DType::kInt32 || !choices.compatible_with(Shape{kUnknownDim, kChoiceColumns})) {
    c.fail(fmt::format("choices must be int32 [n,4] (image, top, left, mirrored); got {} {}",
                       dtype_name(c.input_dtype(1)), choices.to_string()));
  }
  require_values_per_channel(c, 2, "mean");
  require_values_per_channel(c, 3, "stddev");
  require_small_images(c);
  Shape result = c.input_shape(0);
  result.set_dim(0, choices[0]);
  c.set_output(0, DType::kFloat32, result);
}

}  // namespace

Output gather_images(const Output& images, const Output& choices, const Output& mean, const Output& stddev,
                     const GatherImagesAttrs& attrs, At at) {
  return add_op("GatherImages", {images, choices, mean, stddev}, attrs, at);
}

void register_gather_images_ops(OpRegistry& registry) {
  registry.add(def("GatherImages", {"images", "choices", "mean", "stddev"}, {"y"}, gather_images_shape,
                   "Chosen images of a set, each moved and perhaps mirrored, as float32: (image - mean) / stddev.")
                   .attrs(GatherImagesAttrs{}));
}

}  // namespace gradus
