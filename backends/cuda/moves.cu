// Ops that only move elements (backends/common/moves.h): one thread per element, which counts out where it comes from and goes to.
#include "gradus/backends/common/moves.h"

#include "gradus/backends/cuda/elementwise.h"
#include "gradus/core/wrapping.h"
#include "gradus/ops/tile.h"

namespace gradus::cuda {
namespace {

template <class Bits>
__global__ void copy_elements(Bits* dst, const Bits* src, Loops<2> loops, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t offsets[2] = {};
    find_narrow_offsets(loops, i, n, offsets);
    dst[offsets[0]] = src[offsets[1]];
  }
}

template <class Bits>
__global__ void fill_elements(Bits* dst, Bits value, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) dst[i] = value;
}

struct Mover {
  static void copy(KernelContext& c, const LoopNest& nest, void* dst, const void* src, std::size_t element_size) {
    const std::int64_t n = nest.iterations();
    const Loops<2> loops(nest);
    if (loops.is_even()) return c.device().copy(dst, src, static_cast<std::size_t>(n) * element_size);
    visit_bits(element_size, [&]<class Bits>(TypeTag<Bits>) {
      run_over<copy_elements<Bits>>(c, n, static_cast<Bits*>(dst), static_cast<const Bits*>(src), loops, n);
    });
  }
  static void fill(KernelContext& c, void* dst, std::int64_t count, const void* value, std::size_t element_size) {
    visit_bits(element_size, [&]<class Bits>(TypeTag<Bits>) {
      run_over<fill_elements<Bits>>(c, count, static_cast<Bits*>(dst), *static_cast<const Bits*>(value), count);
    });
  }
};

template <class T>
__global__ void range(T* y, std::int64_t start, std::int64_t delta, std::int64_t n) {
  // i * delta may leave 64 bits where the sum does not.
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    y[i] = static_cast<T>(wrapping(start) + wrapping(i) * wrapping(delta));
  }
}
void range_kernel(KernelContext& c) {
  const auto [start, delta] = c.kept<common::Range>();
  const std::int64_t n = c.output(0).num_elements(), first = start, step = delta;
  if (c.output(0).dtype() == DType::kInt32) {
    run_over<range<std::int32_t>>(c, n, c.output(0).data<std::int32_t>(), first, step, n);
  } else {
    run_over<range<std::int64_t>>(c, n, c.output(0).data<std::int64_t>(), first, step, n);
  }
}

// A shape and its paddings as kernels take them.
struct Padded {
  int rank = 0;
  std::int64_t size[Shape::kMaxRank] = {}, before[Shape::kMaxRank] = {}, after[Shape::kMaxRank] = {};
};
Padded padded_shape(const Shape& x, const std::vector<std::int64_t>& paddings) {
  Padded p;
  p.rank = x.rank();
  for (int d = 0; d < p.rank; ++d) {
    p.size[d] = x[d];
    p.before[d] = paddings[common::at(2 * d)];
    p.after[d] = paddings[common::at(2 * d + 1)];
  }
  return p;
}

template <class Bits>
__global__ void mirror_pad(Bits* y, const Bits* x, Padded p, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t rest = i, from = 0, stride = 1;
    for (int d = p.rank - 1; d >= 0; --d) {
      const std::int64_t wide = p.size[d] + p.before[d] + p.after[d];
      from += reflected(rest % wide - p.before[d], p.size[d]) * stride;
      stride *= p.size[d];
      rest /= wide;
    }
    y[i] = x[from];
  }
}
void mirror_pad_kernel(KernelContext& c) {
  const Padded p = padded_shape(c.input(0).shape(), c.attrs<MirrorPadAttrs>().paddings);
  const std::int64_t n = c.output(0).num_elements();
  visit_bits(dtype_size(c.output(0).dtype()), [&]<class Bits>(TypeTag<Bits>) {
    run_over<mirror_pad<Bits>>(c, n, static_cast<Bits*>(c.output(0).raw()), static_cast<const Bits*>(c.input(0).raw()),
                               p, n);
  });
}

// One element of dx sums up, in a fixed order, all that mirror it: along each axis itself and up to two images.
template <class T>
__global__ void mirror_pad_grad(T* dx, const T* dy, Padded p, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t images[Shape::kMaxRank][3];  // their offsets in dy, per axis
    int count[Shape::kMaxRank], choice[Shape::kMaxRank] = {};
    std::int64_t rest = i, stride = 1, combinations = 1;
    for (int d = p.rank - 1; d >= 0; --d) {
      const std::int64_t at = rest % p.size[d];
      rest /= p.size[d];
      count[d] = 0;
      images[d][count[d]++] = (p.before[d] + at) * stride;
      if (at >= 1 && at <= p.before[d]) images[d][count[d]++] = (p.before[d] - at) * stride;
      if (at <= p.size[d] - 2 && at >= p.size[d] - 1 - p.after[d]) {
        images[d][count[d]++] = (p.before[d] + 2 * (p.size[d] - 1) - at) * stride;
      }
      combinations *= count[d];
      stride *= p.size[d] + p.before[d] + p.after[d];
    }
    Compute<T> sum{};
    for (std::int64_t k = 0; k < combinations; ++k) {
      std::int64_t offset = 0;
      for (int d = 0; d < p.rank; ++d) offset += images[d][choice[d]];
      sum = static_cast<Compute<T>>(wrapping(sum) + wrapping(static_cast<Compute<T>>(dy[offset])));
      for (int d = p.rank - 1; d >= 0; --d) {
        choice[d] = choice[d] + 1 < count[d] ? choice[d] + 1 : 0;
        if (choice[d] != 0) break;
      }
    }
    dx[i] = static_cast<T>(sum);
  }
}
void mirror_pad_grad_kernel(KernelContext& c) {
  const Padded p = padded_shape(c.output(0).shape(), c.attrs<MirrorPadAttrs>().paddings);
  const std::int64_t n = c.output(0).num_elements();
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) {
      run_over<mirror_pad_grad<T>>(c, n, c.output(0).data<T>(), c.input(0).data<T>(), p, n);
    }
  });
}

// One element of dx sums up what repeats it, tile by tile.
template <class T>
__global__ void tile_grad(T* dx, const T* dy, Loops<1> elements, Loops<1> tiles, std::int64_t repeats, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t first[1] = {};
    find_offsets<std::uint64_t>(elements, i, first);
    Compute<T> sum{};
    for (std::int64_t t = 0; t < repeats; ++t) {
      std::int64_t offset[1] = {};
      find_offsets<std::uint64_t>(tiles, t, offset);
      sum = static_cast<Compute<T>>(wrapping(sum) + wrapping(static_cast<Compute<T>>(dy[first[0] + offset[0]])));
    }
    dx[i] = static_cast<T>(sum);
  }
}
void tile_grad_kernel(KernelContext& c) {
  const Shape& x = c.output(0).shape();
  const Shape& tiled = c.input(0).shape();
  const std::int64_t n = x.num_elements();
  if (n == 0) return;
  const auto strides = common::row_major_strides(tiled);
  LoopNest elements, tiles;  // both as offsets in the tiled tensor
  for (int d = 0; d < x.rank(); ++d) {
    elements.add(x[d], {strides[d]});
    tiles.add(tiled[d] / x[d], {x[d] * strides[d]});
  }
  visit_dtype(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) {
      run_over<tile_grad<T>>(c, n, c.output(0).data<T>(), c.input(0).data<T>(), Loops<1>(elements), Loops<1>(tiles),
                             tiles.iterations(), n);
    }
  });
}

}  // namespace

void register_concat_kernels(KernelRegistry& kernels) { common::register_concat_moves<Mover>(kernels, kDevice); }
void register_reverse_kernels(KernelRegistry& kernels) { common::register_reverse_moves<Mover>(kernels, kDevice); }
void register_slice_kernels(KernelRegistry& kernels) { common::register_slice_moves<Mover>(kernels, kDevice); }
void register_transpose_kernels(KernelRegistry& kernels) { common::register_transpose_moves<Mover>(kernels, kDevice); }

void register_fill_kernels(KernelRegistry& kernels) {
  common::register_fill_moves<Mover>(kernels, kDevice);
  kernels.add("Range", kDevice, {DType::kInt32, DType::kInt64}, range_kernel, common::prepare_range);
}

void register_tile_kernels(KernelRegistry& kernels) {
  common::register_tile_moves<Mover>(kernels, kDevice);
  kernels.add("TileGrad", kDevice, kNumeric, tile_grad_kernel);
}

void register_pad_kernels(KernelRegistry& kernels) {
  common::register_pad_moves<Mover>(kernels, kDevice);
  kernels.add("MirrorPad", kDevice, kAllDTypes, mirror_pad_kernel);
  kernels.add("MirrorPadGrad", kDevice, kNumeric, mirror_pad_grad_kernel);
}

}  // namespace gradus::cuda
