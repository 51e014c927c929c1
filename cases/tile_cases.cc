#include "cases/all_cases.h"

namespace gradus::cases {

void add_tile_cases(std::vector<OpCase>& cases) {
  const CaseAdder add{cases};
  add("Tile", "matrix", {real({2, 3}), int32s({3, 2})});
  add("Tile", "last", {real({2, 1, 3}), int64s({3}, {1, 4, 1})});
  add("Tile", "once", {real({4}), int32s({1})});
  add("Tile", "zero_times", {real({2, 3}), int32s({0, 2})});
  add("Tile", "rank8", {real({1, 2, 1, 2, 1, 1, 2, 1}), int32s({2, 1, 2, 2, 1, 1, 2, 3})});
  add("TileGrad", "matrix", {real({4, 9}), int32s({2, 3}), int32s({2, 3})});
  add("TileGrad", "zero_times", {real({0, 6}), int32s({0, 2}), int32s({2, 3})});
}

}  // namespace gradus::cases
