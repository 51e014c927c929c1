// Where Winograd's tiles lie along one axis of an image: a tile has kPoints pixels of the source and kPoints + 1 - window of the
// destination. No vectors: the function that chooses an algorithm counts tiles as well.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gradus/backends/common/work.h"
#include "gradus/backends/cpu/winograd.h"
#include "gradus/ops/conv_geometry.h"

namespace gradus::cpu::winograd {

// With a dilation of d, pixels of the destination that are not a multiple of d apart have no pixel of the source in common: the image is d
// images ("phases") between each other's pixels, each convolved without dilation. Each has a pixel: dilation <= size.
struct TileAxis {
  std::int64_t size;       // pixels of the destination
  std::int64_t dilation;   // from a tile's pixel to its next
  std::int64_t outputs;    // of a whole tile
  std::int64_t per_phase;  // tiles of the first, which has most pixels, and of each
  std::int64_t pad;        // before the source's first pixel

  // `to_input`: the destination is the image, as in Conv2DBackpropInput.
  TileAxis(const WindowAxis& axis, bool to_input)
      : size(to_input ? axis.in : axis.out),
        dilation(axis.dilation),
        outputs(kPoints + 1 - axis.window),
        per_phase(common::ceil_divide(common::ceil_divide(size, dilation), outputs)),
        pad(to_input ? (axis.window - 1) * dilation - axis.pad_before : axis.pad_before) {}

  std::int64_t tiles() const { return dilation * per_phase; }
  // A tile's first pixel of the destination. In other phases than the first, the last tile may have none.
  std::int64_t first(std::int64_t tile) const { return tile / per_phase + tile % per_phase * outputs * dilation; }
  // Its pixels of the destination, 0 to outputs.
  std::int64_t count(std::int64_t tile) const {
    return std::clamp<std::int64_t>(common::ceil_divide(size - first(tile), dilation), 0, outputs);
  }
  // Pixels from the first tile's first to the last tile's last, if each tile has n.
  std::int64_t extent(std::int64_t n) const { return ((per_phase - 1) * outputs + n) * dilation; }
};

}  // namespace gradus::cpu::winograd
