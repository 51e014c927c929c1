// Tiling only moves elements. Its gradient sums over the tiles, for one row of the result at a time and in a fixed order, so that
// rows can be done by any thread.
#include <algorithm>

#include "gradus/backends/common/moves.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/core/wrapping.h"

namespace gradus::cpu {
namespace {

void tile_grad(KernelContext& c) {
  constexpr std::int64_t kBlock = 256;
  const Shape& x = c.output(0).shape();
  const Shape& tiled = c.input(0).shape();
  if (x.num_elements() == 0) return;
  const auto strides = row_major_strides(tiled);
  LoopNest rows, tiles;  // both as offsets in the tiled tensor
  for (int d = 0; d < x.rank(); ++d) {
    if (d < x.rank() - 1) rows.add(x[d], {strides[d]});
    tiles.add(tiled[d] / x[d], {x[d] * strides[d]});
  }
  const std::int64_t n = last_dim(x), repeats = tiles.iterations();
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T* dy = c.input(0).data<T>();
    T* dx = c.output(0).data<T>();
    c.parallel_for(row_count(x), items_per_chunk(n * repeats, kCopyChunk), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t origin = rows.offsets(row)[0];
        for (std::int64_t first = 0; first < n; first += kBlock) {
          const std::int64_t width = std::min(kBlock, n - first);
          Compute<T> sums[kBlock] = {};
          for (std::int64_t t = 0; t < repeats; ++t) {
            const T* const from = dy + origin + first + tiles.offsets(t)[0];
            for (std::int64_t i = 0; i < width; ++i)
              sums[i] = static_cast<Compute<T>>(wrapping(sums[i]) + wrapping(static_cast<Compute<T>>(from[i])));
          }
          for (std::int64_t i = 0; i < width; ++i) dx[row * n + first + i] = static_cast<T>(sums[i]);
        }
      }
    });
  });
}

}  // namespace

void register_tile_kernels(KernelRegistry& kernels) {
  register_tile_moves<Mover>(kernels, kDevice);
  kernels.add("TileGrad", kDevice, kNumeric, tile_grad);
}

}  // namespace gradus::cpu
