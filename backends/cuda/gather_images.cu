// Images of a set by their numbers. A few blocks share an image, whose choice each of their threads reads; each pixel is read once, as a
// byte where the set has bytes, and written once.
#include "gradus/ops/gather_images.h"

#include <limits>

#include "gradus/backends/common/image_choices.h"
#include "gradus/backends/cuda/kernels.h"
#include "gradus/ops/slice_geometry.h"

namespace gradus::cuda {
namespace {

constexpr std::int32_t kElementsPerBlock = 1024;

// In 0..1.
__device__ inline float pixel_value(std::uint8_t byte) { return static_cast<float>(byte) / 255.0F; }
__device__ inline float pixel_value(float value) { return value; }

template <class T>
__global__ void gather_images(float* y, const T* images, const std::int32_t* choices, const float* mean,
                              const float* stddev, ImageSetSize size, unsigned parts, bool reflect, Finding* findings,
                              unsigned mistake) {
  const std::int64_t k = blockIdx.x / parts, elements = size.image_elements();
  const std::int64_t begin = std::int64_t{blockIdx.x % parts} * kElementsPerBlock;
  const std::int64_t end = begin + kElementsPerBlock < elements ? begin + kElementsPerBlock : elements;
  const std::int32_t* choice = choices + k * kChoiceColumns;
  for (int column = 0; column < kChoiceColumns; ++column) {
    if (size.allows(column, choice[column])) continue;
    if (threadIdx.x == 0) report(findings, mistake, k, column, choice[column]);
    // What comes later in the run is computed all the same: of NaN, rather than of what lay in memory.
    for (std::int64_t at = begin + threadIdx.x; at < end; at += blockDim.x)
      y[k * elements + at] = std::numeric_limits<float>::quiet_NaN();
    return;
  }
  const T* image = images + choice[kChoiceImage] * elements;
  const auto channels = static_cast<std::int32_t>(size.channels), width = static_cast<std::int32_t>(size.width),
             height = static_cast<std::int32_t>(size.height);
  for (std::int64_t at = begin + threadIdx.x; at < end; at += blockDim.x) {
    const auto i = static_cast<std::int32_t>(at);  // divisions of 64 bits would take longer than all else
    const std::int32_t channel = i % channels, x = i / channels % width, row = i / channels / width;
    const std::int64_t row_at = std::int64_t{row} + choice[kChoiceTop];
    const std::int64_t column_at = std::int64_t{choice[kChoiceMirrored] != 0 ? width - 1 - x : x} + choice[kChoiceLeft];
    const std::int64_t from_y = reflect ? reflected(row_at, height) : row_at;
    const std::int64_t from_x = reflect ? reflected(column_at, width) : column_at;
    const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
    const T pixel = inside ? image[(from_y * width + from_x) * channels + channel] : T{0};
    y[k * elements + i] = (pixel_value(pixel) - mean[channel]) / stddev[channel];
  }
}

void gather_images_kernel(KernelContext& c) {
  const ImageSetSize size = common::image_set_size(c.input(0));
  const std::int64_t parts = common::ceil_divide(size.image_elements(), kElementsPerBlock);
  const auto start = [&]<class T>(TypeTag<T>) {
    run_blocks<gather_images<T>>(c, c.input(1).shape()[0] * parts, kThreads, c.output(0).data<float>(),
                                 c.input(0).data<T>(), c.input(1).data<std::int32_t>(), c.input(2).data<float>(),
                                 c.input(3).data<float>(), size, static_cast<unsigned>(parts),
                                 c.attrs<GatherImagesAttrs>().reflect, device_of(c).findings(), c.kept<unsigned>());
  };
  if (c.input(0).dtype() == DType::kUInt8) return start(TypeTag<std::uint8_t>{});
  start(TypeTag<float>{});
}

void prepare_gather_images(KernelContext& c) {
  c.keep(add_mistake(c, Code::kOutOfRange,
                     [images = c.input(0).shape()](std::int64_t row, std::int64_t column, std::int64_t value) {
                       return common::choice_text(row, column, value, images);
                     }));
}

}  // namespace

void register_gather_images_kernels(KernelRegistry& kernels) {
  kernels.add("GatherImages", kDevice, {DType::kUInt8, DType::kFloat32}, gather_images_kernel, prepare_gather_images);
}

}  // namespace gradus::cuda
