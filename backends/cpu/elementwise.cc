#include "gradus/backends/cpu/elementwise.h"

namespace gradus::cpu {

BroadcastRows::BroadcastRows(const KernelContext& c, int operands) : total_(c.output(0).num_elements()) {
  const Shape& shape = c.output(0).shape();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    unsigned advancing = 0;
    for (int k = 0; k < operands; ++k) {
      const Shape& own = c.input(k).shape();
      const int own_axis = axis - (shape.rank() - own.rank());
      if (own_axis >= 0 && own[own_axis] != 1) advancing |= 1u << k;
    }
    if (count_ == 0 || groups_[static_cast<std::size_t>(count_ - 1)].advancing != advancing) {
      groups_[static_cast<std::size_t>(count_++)].advancing = advancing;
    }
    groups_[static_cast<std::size_t>(count_ - 1)].size *= shape[axis];
  }
  if (count_ == 0) count_ = 1;  // one element
  std::array<std::int64_t, 3> stride{1, 1, 1};
  for (int g = count_ - 1; g >= 0; --g) {
    Group& group = groups_[static_cast<std::size_t>(g)];
    for (int k = 0; k < operands; ++k) {
      if ((group.advancing >> k & 1u) == 0) continue;
      group.strides[static_cast<std::size_t>(k)] = stride[static_cast<std::size_t>(k)];
      stride[static_cast<std::size_t>(k)] *= group.size;
    }
  }
}

void BroadcastRows::for_each(KernelContext& c,
                             FunctionRef<void(const std::int64_t*, std::int64_t, std::int64_t)> row) const {
  const Group& inner = groups_[static_cast<std::size_t>(count_ - 1)];
  c.parallel_for(total_, kElementwiseChunk, [&](std::int64_t begin, std::int64_t end) {
    // The position in the outer loops, and the operands' offsets there; then on from row to row.
    std::array<std::int64_t, Shape::kMaxRank> position{};
    std::array<std::int64_t, 3> base{};
    std::int64_t rest = begin / inner.size;
    for (int g = count_ - 2; g >= 0; --g) {
      const Group& group = groups_[static_cast<std::size_t>(g)];
      position[static_cast<std::size_t>(g)] = rest % group.size;
      rest /= group.size;
      for (std::size_t k = 0; k < 3; ++k) base[k] += position[static_cast<std::size_t>(g)] * group.strides[k];
    }
    std::int64_t column = begin % inner.size;
    while (begin < end) {
      const std::int64_t n = std::min(inner.size - column, end - begin);
      std::array<std::int64_t, 3> offsets{};
      for (std::size_t k = 0; k < 3; ++k) offsets[k] = base[k] + column * inner.strides[k];
      row(offsets.data(), begin, n);
      begin += n;
      column = 0;
      for (int g = count_ - 2; g >= 0; --g) {
        const Group& group = groups_[static_cast<std::size_t>(g)];
        std::int64_t& i = position[static_cast<std::size_t>(g)];
        for (std::size_t k = 0; k < 3; ++k) base[k] += group.strides[k];
        if (++i < group.size) break;
        for (std::size_t k = 0; k < 3; ++k) base[k] -= group.size * group.strides[k];
        i = 0;
      }
    }
  });
}

}  // namespace gradus::cpu
