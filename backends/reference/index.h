// Walking over the elements of a tensor by their multi-dimensional index.
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include "gradus/backends/reference/elementwise.h"
#include "gradus/core/tensor.h"

namespace gradus::reference {

inline std::size_t at(int d) { return static_cast<std::size_t>(d); }

using Index = std::array<std::int64_t, Shape::kMaxRank>;

// Calls f(index, position) for every element of a tensor of this shape, in row-major order.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  Index index{};
  const std::int64_t count = shape.num_elements();
  for (std::int64_t position = 0; position < count; ++position) {
    f(index, position);
    for (int d = shape.rank() - 1; d >= 0; --d) {
      auto& i = index[static_cast<std::size_t>(d)];
      if (++i < shape[d]) break;
      i = 0;
    }
  }
}

// The row-major position of an index.
inline std::int64_t position_of(const Index& index, const Shape& shape) {
  std::int64_t position = 0;
  for (int d = 0; d < shape.rank(); ++d) position = position * shape[d] + index[static_cast<std::size_t>(d)];
  return position;
}

// to[i] = from[j], bit by bit, for any dtype.
inline void copy_element(Tensor& to, std::int64_t i, const Tensor& from, std::int64_t j) {
  const std::size_t size = dtype_size(to.dtype());
  std::memcpy(static_cast<char*>(to.raw()) + static_cast<std::size_t>(i) * size,
              static_cast<const char*>(from.raw()) + static_cast<std::size_t>(j) * size, size);
}

// out[position of f(index)] = the sum of dy[index]: real numbers in float64, integers exactly.
template <class F>
void scatter_add(Tensor& out, const Tensor& dy, F&& target) {
  visit_dtype(out.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<Wide<T>> sums(static_cast<std::size_t>(out.num_elements()));
    for_each_index(dy.shape(), [&](const Index& index, std::int64_t i) {
      Wide<T>& sum = sums[static_cast<std::size_t>(position_of(target(index), out.shape()))];
      sum = static_cast<Wide<T>>(wrapping(sum) + wrapping(static_cast<Wide<T>>(dy.data<T>()[i])));
    });
    for (std::int64_t i = 0; i < out.num_elements(); ++i)
      out.data<T>()[i] = static_cast<T>(sums[static_cast<std::size_t>(i)]);
  });
}

}  // namespace gradus::reference
