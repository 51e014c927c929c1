// A nest is kept merged while it grows: a loop is compared only with the one around it, so that the order of the calls is the
// order of the loops.
#include "gradus/backends/common/loop_nest.h"

#include "gradus/core/kernel.h"

namespace gradus::common {

void LoopNest::add(std::int64_t count, const Offsets& strides) {
  if (count == 1) return;
  if (size_ > 0) {
    Loop& last = loops_[static_cast<std::size_t>(size_ - 1)];
    bool even = true;
    for (std::size_t k = 0; k < strides.size(); ++k) even = even && last.strides[k] == count * strides[k];
    if (even) {
      last = {last.count * count, strides};
      return;
    }
  }
  loops_[static_cast<std::size_t>(size_++)] = {count, strides};
}

std::int64_t LoopNest::iterations() const {
  std::int64_t product = 1;
  for (int i = 0; i < size_; ++i) product *= (*this)[i].count;
  return product;
}

LoopNest::Offsets LoopNest::offsets(std::int64_t i) const {
  Offsets result{};
  for (int loop = size_ - 1; loop >= 0; --loop) {
    const auto& [count, strides] = (*this)[loop];
    const std::int64_t index = loop > 0 ? i % count : i;
    for (std::size_t k = 0; k < result.size(); ++k) result[k] += index * strides[k];
    i /= count;
  }
  return result;
}

Strides row_major_strides(const Shape& shape) {
  Strides strides;
  std::int64_t stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[d] = stride;
    stride *= shape[d];
  }
  return strides;
}

Strides broadcast_strides(const Shape& from, const Shape& to) {
  Strides strides;
  std::int64_t stride = 1;
  const int missing = to.rank() - from.rank();
  for (int d = from.rank() - 1; d >= 0; --d) {
    if (from[d] != 1) strides[d + missing] = stride;
    stride *= from[d];
  }
  return strides;
}

LoopNest broadcast_nest(const KernelContext& c, int operands) {
  const Shape& shape = c.output(0).shape();
  Strides strides[LoopNest::kMaxOperands];
  for (int k = 0; k < operands; ++k) strides[k] = broadcast_strides(c.input(k).shape(), shape);
  LoopNest nest;
  for (int d = 0; d < shape.rank(); ++d) nest.add(shape[d], {strides[0][d], strides[1][d], strides[2][d]});
  return nest;
}

}  // namespace gradus::common
