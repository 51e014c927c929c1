// c[...,i,j] = sum_l a[...,i,l] * b[...,l,j]: a block of threads per tile of the result. The threads fetch the tiles of a and b that they
// all need into shared memory, so that each number is read once per tile and not once per product.
#include "gradus/ops/matmul.h"

#include "gradus/backends/cuda/elementwise.h"

namespace gradus::cuda {
namespace {

constexpr unsigned kTile = 16;

// One matrix product of many: how the operands lie, and how the matrices of the batch are found.
struct Product {
  std::int64_t m, n, k;
  std::int64_t a_row, a_column, b_row, b_column;  // strides
  Loops<2> batch;                                 // offsets of a's and b's matrices
};

template <class T>
__global__ void matmul(T* c, const T* a, const T* b, Product p) {
  GRADUS_SHARED(Compute<T>, tile_a, [kTile][kTile + 1]);  // one more: columns lie in different banks
  GRADUS_SHARED(Compute<T>, tile_b, [kTile][kTile + 1]);
  const std::int64_t tiles_n = (p.n + kTile - 1) / kTile, tiles_m = (p.m + kTile - 1) / kTile;
  const std::int64_t tile = blockIdx.x, matrix = tile / tiles_n / tiles_m;
  const std::int64_t i = tile / tiles_n % tiles_m * kTile + threadIdx.y, j = tile % tiles_n * kTile + threadIdx.x;
  std::int64_t offsets[2] = {};
  find_offsets<std::uint64_t>(p.batch, matrix, offsets);
  Compute<T> sum = 0;
  for (std::int64_t l0 = 0; l0 < p.k; l0 += kTile) {
    const std::int64_t l_a = l0 + threadIdx.x, l_b = l0 + threadIdx.y;
    tile_a[threadIdx.y][threadIdx.x] =
        i < p.m && l_a < p.k ? static_cast<Compute<T>>(a[offsets[0] + i * p.a_row + l_a * p.a_column]) : Compute<T>{0};
    tile_b[threadIdx.y][threadIdx.x] =
        l_b < p.k && j < p.n ? static_cast<Compute<T>>(b[offsets[1] + l_b * p.b_row + j * p.b_column]) : Compute<T>{0};
    __syncthreads();
    const std::int64_t count = p.k - l0 < kTile ? p.k - l0 : kTile;
    for (std::int64_t l = 0; l < count; ++l) sum += tile_a[threadIdx.y][l] * tile_b[l][threadIdx.x];
    __syncthreads();
  }
  if (i < p.m && j < p.n) c[(matrix * p.m + i) * p.n + j] = static_cast<T>(sum);
}

// The matrices of a batch, of which an operand may repeat some.
LoopNest batch_loops(const Shape& a, const Shape& b, const Shape& c) {
  const auto batch_of = [](const Shape& s) {
    Shape batch;
    for (int d = 0; d + 2 < s.rank(); ++d) batch.push_back(s[d]);
    return batch;
  };
  const Shape batch = batch_of(c);
  const auto of_a = common::broadcast_strides(batch_of(a), batch), of_b = common::broadcast_strides(batch_of(b), batch);
  const std::int64_t size_a = a[a.rank() - 2] * a[a.rank() - 1], size_b = b[b.rank() - 2] * b[b.rank() - 1];
  LoopNest nest;
  for (int d = 0; d < batch.rank(); ++d) nest.add(batch[d], {of_a[d] * size_a, of_b[d] * size_b});
  return nest;
}

void matmul_kernel(KernelContext& context) {
  const auto& attrs = context.attrs<MatMulAttrs>();
  const Shape &a = context.input(0).shape(), &b = context.input(1).shape(), &c = context.output(0).shape();
  if (c.num_elements() == 0) return;
  const std::int64_t m = c[c.rank() - 2], n = c[c.rank() - 1], k = a[a.rank() - (attrs.transpose_a ? 2 : 1)];
  const Product p{m,
                  n,
                  k,
                  attrs.transpose_a ? 1 : k,
                  attrs.transpose_a ? m : 1,
                  attrs.transpose_b ? 1 : n,
                  attrs.transpose_b ? k : 1,
                  Loops<2>(batch_loops(a, b, c))};
  const std::int64_t tiles = (m + kTile - 1) / kTile * ((n + kTile - 1) / kTile) * (c.num_elements() / (m * n));
  visit_floating(context.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const CudaDevice& device = device_of(context);
    device.make_current();
    const Launch l{.grid = grid_of(tiles), .block = {kTile, kTile, 1}, .stream = device.stream()};
    check(launch<matmul<T>>(l, context.output(0).data<T>(), context.input(0).data<T>(), context.input(1).data<T>(), p),
          "the launch of a kernel");
  });
}

}  // namespace

void register_matmul_kernels(KernelRegistry& kernels) {
  kernels.add("MatMul", kDevice, kFloating, matmul_kernel);
  kernels.add("BatchMatMul", kDevice, kFloating, matmul_kernel);
}

}  // namespace gradus::cuda
