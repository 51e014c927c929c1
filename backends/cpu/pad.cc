// Padding is a copy by a loop nest; reflection walks over the rows of the result. The gradient of reflection adds up, for one element
// of the result at a time and in a fixed order, what mirrors it, so that elements can be done by any thread.
#include "gradus/ops/pad.h"

#include <algorithm>
#include <cstring>

#include "gradus/backends/common/moves.h"
#include "gradus/backends/cpu/kernels.h"
#include "gradus/backends/cpu/strided_copy.h"
#include "gradus/core/wrapping.h"

namespace gradus::cpu {
namespace {

template <class T>
void mirror_pad_rows(KernelContext& c) {
  const auto& paddings = c.attrs<MirrorPadAttrs>().paddings;
  const Shape& x = c.input(0).shape();
  const Shape& y = c.output(0).shape();
  const T* from = static_cast<const T*>(c.input(0).raw());
  T* to = static_cast<T*>(c.output(0).raw());
  const auto strides = row_major_strides(x);
  const std::int64_t n = last_dim(x), wide = last_dim(y);
  const std::int64_t before = paddings.empty() ? 0 : paddings[paddings.size() - 2];
  if (y.num_elements() == 0) return;
  c.parallel_for(row_count(y), items_per_chunk(wide, kCopyChunk), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* source = from;
      std::int64_t rest = row;
      for (int d = x.rank() - 2; d >= 0; --d) {
        source += reflected(rest % y[d] - paddings[at(2 * d)], x[d]) * strides[d];
        rest /= y[d];
      }
      T* target = to + row * wide;
      for (std::int64_t i = 0; i < before; ++i) target[i] = source[before - i];
      std::memcpy(target + before, source, static_cast<std::size_t>(n) * sizeof(T));
      for (std::int64_t i = before + n; i < wide; ++i) target[i] = source[reflected(i - before, n)];
    }
  });
}

void mirror_pad(KernelContext& c) {
  visit_bits(dtype_size(c.output(0).dtype()), [&]<class Bits>(TypeTag<Bits>) { mirror_pad_rows<Bits>(c); });
}

// The padded positions that mirror element i of an axis: itself, one to the left, one to the right.
struct MirrorImages {
  std::int64_t positions[3];
  int count = 0;
  MirrorImages(std::int64_t i, std::int64_t size, std::int64_t before, std::int64_t after) {
    positions[count++] = before + i;
    if (i >= 1 && i <= before) positions[count++] = before - i;
    if (i <= size - 2 && i >= size - 1 - after) positions[count++] = before + 2 * (size - 1) - i;
  }
};

void mirror_pad_grad(KernelContext& c) {
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const auto& paddings = c.attrs<MirrorPadAttrs>().paddings;
    const Shape& x = c.output(0).shape();
    const T* dy = c.input(0).data<T>();
    T* dx = c.output(0).data<T>();
    const auto strides = row_major_strides(c.input(0).shape());
    const int rank = x.rank();
    c.parallel_for(x.num_elements(), kCopyChunk, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t e = begin; e < end; ++e) {
        // The images of all axes; their combinations are counted through by `choice`.
        std::int64_t offsets[Shape::kMaxRank][3];
        int images[Shape::kMaxRank], choice[Shape::kMaxRank] = {};
        std::int64_t rest = e, offset = 0;
        for (int d = rank - 1; d >= 0; --d) {
          const MirrorImages m(rest % x[d], x[d], paddings[at(2 * d)], paddings[at(2 * d + 1)]);
          rest /= x[d];
          images[d] = m.count;
          for (int k = 0; k < m.count; ++k) offsets[d][k] = m.positions[k] * strides[d];
          offset += offsets[d][0];
        }
        Compute<T> sum{};
        for (int d = rank - 1;;) {
          sum = static_cast<Compute<T>>(wrapping(sum) + wrapping(static_cast<Compute<T>>(dy[offset])));
          for (d = rank - 1; d >= 0; --d) {
            offset -= offsets[d][choice[d]];
            choice[d] = choice[d] + 1 < images[d] ? choice[d] + 1 : 0;
            offset += offsets[d][choice[d]];
            if (choice[d] != 0) break;
          }
          if (d < 0) break;
        }
        dx[e] = static_cast<T>(sum);
      }
    });
  });
}

}  // namespace

void register_pad_kernels(KernelRegistry& kernels) {
  register_pad_moves<Mover>(kernels, kDevice);
  kernels.add("MirrorPad", kDevice, kAllDTypes, mirror_pad);
  kernels.add("MirrorPadGrad", kDevice, kNumeric, mirror_pad_grad);
}

}  // namespace gradus::cpu
