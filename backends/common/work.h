// How host kernels cut their work and choose their types. Chunks follow from the shapes alone (core/thread_pool.h).
#pragma once

#include <algorithm>
#include <cstdint>

#include "gradus/core/dtype.h"

namespace gradus::common {

// Elements that are worth a chunk of their own: where they are computed, and where they are only moved.
inline constexpr std::int64_t kComputeChunk = 16384;
inline constexpr std::int64_t kCopyChunk = 32768;

// How many items of `elements` elements each make such a chunk; at least one.
constexpr std::int64_t items_per_chunk(std::int64_t elements, std::int64_t chunk = kComputeChunk) {
  return chunk / std::max<std::int64_t>(elements, 1) + 1;
}

constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t multiple) { return ceil_divide(a, multiple) * multiple; }

// Calls f(TypeTag<T>{}) for each floating dtype: kernels that are registered type by type.
template <class F>
void for_each_floating(F&& f) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64})
    visit_floating(dtype, f);
}

// Calls f(TypeTag<Bits>{}) with the unsigned integer of an element's size, where elements are only moved.
template <class F>
decltype(auto) visit_bits(std::size_t element_size, F&& f) {
  switch (element_size) {
    case 1: return f(TypeTag<std::uint8_t>{});
    case 2: return f(TypeTag<std::uint16_t>{});
    case 4: return f(TypeTag<std::uint32_t>{});
    default: return f(TypeTag<std::uint64_t>{});
  }
}

}  // namespace gradus::common
