// Images are written one by one, by any thread; one that is neither moved nor mirrored in one loop. Bytes of several channels are looked up
// in a table of what each is in each channel.
#include "gradus/ops/gather_images.h"

#include <algorithm>

#include "gradus/backends/common/image_choices.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/ops/slice_geometry.h"

namespace gradus::cpu {
namespace {

// Writes one image; convert(value, channel) normalises. It is a copy: what it holds might otherwise be changed by what is written, as far as
// the compiler knows.
template <class T, class Convert>
void write_image(const T* image, const std::int32_t* choice, ImageSetSize size, bool reflect, float* to,
                 Convert convert) {
  if (choice[kChoiceTop] == 0 && choice[kChoiceLeft] == 0 && choice[kChoiceMirrored] == 0) {
    size = {.count = size.count, .height = 1, .width = size.height * size.width, .channels = size.channels};  // one row
  }
  const std::int64_t width = size.width, channels = size.channels;
  const std::int64_t step = choice[kChoiceMirrored] != 0 ? -1 : 1;
  const std::int64_t start = choice[kChoiceLeft] + (step < 0 ? width - 1 : 0);  // x comes from start + step * x
  const std::int64_t shift = step * choice[kChoiceLeft];
  const std::int64_t first = std::max<std::int64_t>(0, -shift),
                     last = std::min(width, width - shift);  // that lie within
  for (std::int64_t y = 0; y < size.height; ++y, to += width * channels) {
    const std::int64_t row_at = y + choice[kChoiceTop];
    const std::int64_t from_y = reflect ? reflected(row_at, size.height) : row_at;
    const bool row_inside = from_y >= 0 && from_y < size.height;
    const T* row = image + (row_inside ? from_y : 0) * width * channels;
    const auto write_border = [&](std::int64_t x) {
      const T* pixel = row + reflected(start + step * x, width) * channels;
      for (std::int64_t k = 0; k < channels; ++k) to[x * channels + k] = convert(reflect ? pixel[k] : T{0}, k);
    };
    if (!row_inside) {
      for (std::int64_t x = 0; x < width; ++x) {
        for (std::int64_t k = 0; k < channels; ++k) to[x * channels + k] = convert(T{0}, k);
      }
      continue;
    }
    for (std::int64_t x = 0; x < first; ++x) write_border(x);
    if (channels == 1 && step == 1) {  // the usual case, simple enough to be fast
      for (std::int64_t x = first; x < last; ++x) to[x] = convert(row[start + x], 0);
    } else {
      for (std::int64_t x = first; x < last; ++x) {
        const T* pixel = row + (start + step * x) * channels;
        for (std::int64_t k = 0; k < channels; ++k) to[x * channels + k] = convert(pixel[k], k);
      }
    }
    for (std::int64_t x = last; x < width; ++x) write_border(x);
  }
}

template <class T, class Convert>
void write_images(KernelContext& c, const Convert& convert) {
  const ImageSetSize size = common::image_set_size(c.input(0));
  const std::int64_t elements = size.image_elements();
  const bool reflect = c.attrs<GatherImagesAttrs>().reflect;
  const T* images = c.input(0).data<T>();
  const std::int32_t* choices = c.input(1).data<std::int32_t>();
  float* to = c.output(0).data<float>();
  c.parallel_for(c.input(1).shape()[0], items_per_chunk(elements), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int32_t* choice = choices + i * kChoiceColumns;
      write_image(images + choice[kChoiceImage] * elements, choice, size, reflect, to + i * elements, convert);
    }
  });
}

void gather_images_kernel(KernelContext& c) {
  common::check_choices(c);
  const float* mean = c.input(2).data<float>();
  const float* stddev = c.input(3).data<float>();
  if (c.input(0).dtype() == DType::kFloat32) {
    return write_images<float>(
        c, [=](float value, std::int64_t channel) { return (value - mean[channel]) / stddev[channel]; });
  }
  if (c.input(2).num_elements() == 1) {
    return write_images<std::uint8_t>(c, [m = mean[0], s = stddev[0]](std::uint8_t value, std::int64_t) {
      return (static_cast<float>(value) / 255.0F - m) / s;
    });
  }
  float* table = c.scratch<float>();
  for (std::int64_t channel = 0; channel < c.input(2).num_elements(); ++channel) {
    for (int byte = 0; byte < 256; ++byte) {
      table[channel * 256 + byte] = (static_cast<float>(byte) / 255.0F - mean[channel]) / stddev[channel];
    }
  }
  write_images<std::uint8_t>(c, [=](std::uint8_t value, std::int64_t channel) { return table[channel * 256 + value]; });
}

void prepare_gather_images(KernelContext& c) {
  if (c.input(0).dtype() == DType::kUInt8) {
    c.request_scratch(static_cast<std::size_t>(c.input(2).num_elements()) * 256 * sizeof(float));
  }
}

}  // namespace

void register_gather_images_kernels(KernelRegistry& kernels) {
  kernels.add("GatherImages", kDevice, {DType::kUInt8, DType::kFloat32}, gather_images_kernel, prepare_gather_images);
}

}  // namespace gradus::cpu
