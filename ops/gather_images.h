// Images of a set by their numbers, each cut out at a place and perhaps mirrored, as normalised float32: how a step gets its batch from a
// set that lies in its device's memory (io/data/resident_images.h). Page: docs/ops/gather_images.md.
#pragma once

#include <cstdint>

#include "gradus/graph/forward.h"

namespace gradus {

struct GatherImagesAttrs {
  bool reflect = false;
  template <class V>
  void visit(V& v) {
    v("reflect", reflect, "beyond its border an image is mirrored, without repeating the border itself; false: zero");
  }
};

// A row of `choices`, which says what becomes of one image.
enum ChoiceColumn { kChoiceImage, kChoiceTop, kChoiceLeft, kChoiceMirrored, kChoiceColumns };

// With the row (i, top, left, mirrored) of int32 choices [n,4] and images [N,H,W,C]:
//   y[k,y,x,c] = (images[i, y + top, (mirrored ? W-1-x : x) + left, c] - mean[c]) / stddev[c]
// where bytes count as 0..1 (divided by 255). Beyond the image the pixel is 0 before it is normalised, or, with attrs.reflect, the mirrored
// one. images are uint8 or float32 with fewer than 2^31 values each, mean and stddev float32 [C]; the result is float32 [n,H,W,C]. Each
// operation is rounded to float32, so that the bits are those of io::Augmenter on every device. No gradient. Throws InvalidArgument; a choice
// outside of 0 <= i < N, -H < top < H, -W < left < W, 0 <= mirrored <= 1 is an OutOfRange error of the run, which says which.
Output gather_images(const Output& images, const Output& choices, const Output& mean, const Output& stddev,
                     const GatherImagesAttrs& attrs = {}, At at = {});

// The sizes of images [N,H,W,C], and what they allow. Kernels include this; it needs no more than the standard library.
struct ImageSetSize {
  std::int64_t count, height, width, channels;

  constexpr std::int64_t image_elements() const { return height * width * channels; }
  // The values that a column may have: [low, high).
  constexpr std::int64_t low(int column) const {
    const std::int64_t size = column == kChoiceTop ? height : column == kChoiceLeft ? width : 1;
    return size > 1 ? 1 - size : 0;
  }
  constexpr std::int64_t high(int column) const {
    if (column == kChoiceImage) return count;
    if (column == kChoiceMirrored) return 2;
    const std::int64_t size = column == kChoiceTop ? height : width;
    return size > 1 ? size : 1;
  }
  constexpr bool allows(int column, std::int64_t value) const { return value >= low(column) && value < high(column); }
};

}  // namespace gradus
