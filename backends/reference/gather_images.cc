// GatherImages by its definition.
#include "gradus/ops/gather_images.h"

#include "gradus/backends/common/image_choices.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

// The position within the image, mirrored at the border where it lies beyond it; -1 where it is none.
std::int64_t position_within(std::int64_t position, std::int64_t size, bool reflect) {
  if (position >= 0 && position < size) return position;
  if (!reflect) return -1;
  return position < 0 ? -position : 2 * (size - 1) - position;
}

// Rounded to float32 after each operation, which is part of the definition.
double rounded(double value) { return static_cast<double>(static_cast<float>(value)); }

// y[k,y,x,c] = (images[i, y + top, (mirrored ? W-1-x : x) + left, c] - mean[c]) / stddev[c]
void gather_images_kernel(KernelContext& c) {
  common::check_choices(c);
  const Tensor& images = c.input(0);
  const Tensor& choices = c.input(1);
  const ImageSetSize size = common::image_set_size(images);
  const bool reflect = c.attrs<GatherImagesAttrs>().reflect;
  const double one = images.dtype() == DType::kUInt8 ? 255 : 1;
  const auto choice = [&](std::int64_t k, ChoiceColumn column) {
    return static_cast<std::int64_t>(choices.data<std::int32_t>()[k * kChoiceColumns + column]);
  };
  std::int64_t element = 0;
  for (std::int64_t k = 0; k < choices.shape()[0]; ++k) {
    for (std::int64_t y = 0; y < size.height; ++y) {
      const std::int64_t from_y = position_within(y + choice(k, kChoiceTop), size.height, reflect);
      for (std::int64_t x = 0; x < size.width; ++x) {
        const std::int64_t within_window = choice(k, kChoiceMirrored) != 0 ? size.width - 1 - x : x;
        const std::int64_t from_x = position_within(within_window + choice(k, kChoiceLeft), size.width, reflect);
        for (std::int64_t channel = 0; channel < size.channels; ++channel) {
          const std::int64_t row = choice(k, kChoiceImage) * size.height + from_y;
          const bool inside = from_y >= 0 && from_x >= 0;
          const double value = inside ? images.at((row * size.width + from_x) * size.channels + channel) : 0.0;
          const double centred = rounded(rounded(value / one) - c.input(2).at(channel));
          c.output(0).data<float>()[element++] = static_cast<float>(centred / c.input(3).at(channel));
        }
      }
    }
  }
}

}  // namespace

void register_gather_images_kernels(KernelRegistry& kernels) {
  kernels.add("GatherImages", kDevice, {DType::kUInt8, DType::kFloat32}, gather_images_kernel);
}

}  // namespace gradus::reference
