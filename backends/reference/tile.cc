// Tiling, element by element; the gradient adds each element to the one it repeats.
#include "gradus/backends/reference/index.h"
#include "gradus/backends/reference/kernels.h"

namespace gradus::reference {
namespace {

Index tile_origin(Index index, const Shape& x) {
  for (int d = 0; d < x.rank(); ++d) index[at(d)] %= x[d];
  return index;
}
void tile(KernelContext& c) {
  const Shape& x = c.input(0).shape();
  for_each_index(c.output(0).shape(), [&](const Index& to, std::int64_t i) {
    copy_element(c.output(0), i, c.input(0), position_of(tile_origin(to, x), x));
  });
}
void tile_grad(KernelContext& c) {
  scatter_add(c.output(0), c.input(0), [&](const Index& index) { return tile_origin(index, c.output(0).shape()); });
}

}  // namespace

void register_tile_kernels(KernelRegistry& kernels) {
  kernels.add("Tile", kDevice, kAllDTypes, tile);
  kernels.add("TileGrad", kDevice, kNumeric, tile_grad);
}

}  // namespace gradus::reference
