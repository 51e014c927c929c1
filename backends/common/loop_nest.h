// Loops over the elements of several tensors at once: what broadcasting, strided copies, reductions and batches of matrices have in
// common. Neighbouring loops that every operand walks through evenly become one, so that the innermost loop, the row, is as long as
// the shapes allow. A nest is made once per plan, or per call where it is cheap beside the work.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "gradus/core/shape.h"

namespace gradus {
class KernelContext;
}

namespace gradus::common {

class LoopNest {
 public:
  static constexpr int kMaxLoops = 2 * Shape::kMaxRank;
  static constexpr int kMaxOperands = 3;
  // One number of elements per operand; those that a nest does not have stay 0.
  using Offsets = std::array<std::int64_t, kMaxOperands>;
  struct Loop {
    std::int64_t count = 1;
    Offsets strides{};  // 0 repeats an element, a negative one goes backwards
  };

  // Adds the next inner loop. A loop of one iteration is dropped; one that goes on where the loop around it left off, in every
  // operand, makes that one longer.
  void add(std::int64_t count, const Offsets& strides);
  // The same for the other loops of a nest.
  void add(const Loop& loop) { add(loop.count, loop.strides); }

  int size() const { return size_; }
  const Loop& operator[](int i) const { return loops_[static_cast<std::size_t>(i)]; }
  // The innermost loop; of one iteration where there is none.
  Loop row() const { return size_ > 0 ? (*this)[size_ - 1] : Loop{}; }
  std::int64_t iterations() const;
  // Where iteration i, counted through all loops, finds its elements.
  Offsets offsets(std::int64_t i) const;

  // Calls f(offsets of the operands, first iteration, iterations) for the rows, or parts of them, that make up the iterations
  // [begin, end).
  template <class F>
  void for_rows(std::int64_t begin, std::int64_t end, F&& f) const;

 private:
  std::array<Loop, kMaxLoops> loops_{};  // outermost first
  int size_ = 0;
};

// How many elements lie from one position to the next, per dimension.
class Strides {
 public:
  std::int64_t& operator[](int d) { return strides_[static_cast<std::size_t>(d)]; }
  std::int64_t operator[](int d) const { return strides_[static_cast<std::size_t>(d)]; }

 private:
  std::array<std::int64_t, Shape::kMaxRank> strides_{};
};
Strides row_major_strides(const Shape& shape);
// The strides by which a tensor of shape `from` is read along the dimensions of `to`, which it is broadcast to: 0 where it repeats.
Strides broadcast_strides(const Shape& from, const Shape& to);

// The loops over the result of a node whose operands 0, ..., operands - 1 broadcast, in whose rows each operand advances by 1 or by 0
// elements.
LoopNest broadcast_nest(const KernelContext& c, int operands);

template <class F>
void LoopNest::for_rows(std::int64_t begin, std::int64_t end, F&& f) const {
  if (begin >= end) return;
  const Loop inner = row();
  // Offsets are found by division once; from row to row they are counted on, the next inner loop first.
  std::array<std::int64_t, kMaxLoops> position{};
  Offsets base{};
  std::int64_t rest = begin / inner.count;
  for (int i = size_ - 2; i >= 0; --i) {
    const Loop& loop = (*this)[i];
    position[static_cast<std::size_t>(i)] = rest % loop.count;
    for (std::size_t k = 0; k < base.size(); ++k) base[k] += rest % loop.count * loop.strides[k];
    rest /= loop.count;
  }
  for (std::int64_t column = begin % inner.count; begin < end; column = 0) {
    const std::int64_t count = std::min(inner.count - column, end - begin);
    Offsets at = base;
    for (std::size_t k = 0; k < at.size(); ++k) at[k] += column * inner.strides[k];
    f(at, begin, count);
    begin += count;
    for (int i = size_ - 2; i >= 0; --i) {
      const Loop& loop = (*this)[i];
      for (std::size_t k = 0; k < base.size(); ++k) base[k] += loop.strides[k];
      if (++position[static_cast<std::size_t>(i)] < loop.count) break;
      for (std::size_t k = 0; k < base.size(); ++k) base[k] -= loop.count * loop.strides[k];
      position[static_cast<std::size_t>(i)] = 0;
    }
  }
}

}  // namespace gradus::common
