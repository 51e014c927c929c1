// The choices of GatherImages, as host kernels read them, and what is said of one that the images do not allow.
#pragma once

#include <string>

#include "gradus/core/kernel.h"
#include "gradus/ops/gather_images.h"

namespace gradus::common {

inline ImageSetSize image_set_size(const Tensor& images) {
  const Shape& shape = images.shape();
  return {shape[0], shape[1], shape[2], shape[3]};
}

// "choices[5,1] (top) is 40, outside [-27, 28): images [60000,28,28,1] NHWC"
std::string choice_text(std::int64_t row, std::int64_t column, std::int64_t value, const Shape& images);

// Of a node GatherImages: throws OutOfRange for the first choice that its images do not allow, before anything is written.
void check_choices(const KernelContext& c);

}  // namespace gradus::common
