// Matrix products by Eigen's GEMM, cut into blocks of rows or columns of the result by its shape alone. Operands
// of 16 bits are widened to float32 first, and the result is rounded once.
#include "gradus/ops/matmul.h"

#include <algorithm>

#include "gradus/backends/cpu/eigen.h"
#include "gradus/backends/cpu/half_rows.h"
#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {
namespace {

constexpr std::int64_t kMinMultiplications = 1 << 20;  // worth a block of their own
constexpr std::int64_t kMaxBlocks = 16;

// One product c [m,n] = a [m,k] b [k,n], repeated over a batch whose operands may be broadcast.
struct ProductPlan {
  explicit ProductPlan(const KernelContext& c) {
    const auto& attrs = c.attrs<MatMulAttrs>();
    transpose_a = attrs.transpose_a;
    transpose_b = attrs.transpose_b;
    const Shape &a = c.input(0).shape(), &b = c.input(1).shape(), &out = c.output(0).shape();
    m = out[out.rank() - 2];
    n = out[out.rank() - 1];
    k = a[a.rank() - (transpose_a ? 2 : 1)];
    const auto strides_a = broadcast_strides(a, out), strides_b = broadcast_strides(b, out);
    for (int axis = 0; axis < out.rank() - 2; ++axis) batch.add(out[axis], {strides_a[axis], strides_b[axis]});
    products = batch.iterations();
    split_rows = m >= n;
    const std::int64_t length = std::max<std::int64_t>(split_rows ? m : n, 1);
    const std::int64_t blocks_by_work = std::max<std::int64_t>(1, m * n * k / kMinMultiplications);
    block = round_up(ceil_divide(length, std::min(kMaxBlocks, blocks_by_work)), 16);  // whole register tiles
    blocks = ceil_divide(length, block);
  }

  std::int64_t m = 0, n = 0, k = 0;
  LoopNest batch;  // offsets of the products' operands
  std::int64_t products = 1;
  bool transpose_a = false, transpose_b = false;
  bool split_rows = true;  // blocks are rows of the result, else columns
  std::int64_t block = 1, blocks = 1;
};

// c [m,n] = a b with leading dimensions; a transposed operand is a column-major one.
template <class T, int order_a, int order_b>
void product(const T* a, std::int64_t lda, const T* b, std::int64_t ldb, T* c, std::int64_t ldc, std::int64_t m,
             std::int64_t n, std::int64_t k) {
  using Stride = Eigen::OuterStride<>;
  const Eigen::Map<const Eigen::Matrix<T, -1, -1, order_a>, 0, Stride> left(a, m, k, Stride(lda));
  const Eigen::Map<const Eigen::Matrix<T, -1, -1, order_b>, 0, Stride> right(b, k, n, Stride(ldb));
  Eigen::Map<Eigen::Matrix<T, -1, -1, Eigen::RowMajor>, 0, Stride>(c, m, n, Stride(ldc)).noalias() = left * right;
}

template <class T>
void run_block(const ProductPlan& p, const T* a, const T* b, T* c, std::int64_t begin) {
  std::int64_t m = p.m, n = p.n;
  const std::int64_t length = std::min(p.block, (p.split_rows ? m : n) - begin);
  if (p.split_rows) {
    a += p.transpose_a ? begin : begin * p.k;
    c += begin * p.n;
    m = length;
  } else {
    b += p.transpose_b ? begin * p.k : begin;
    c += begin;
    n = length;
  }
  const std::int64_t lda = p.transpose_a ? p.m : p.k, ldb = p.transpose_b ? p.k : p.n;
  constexpr int kRows = Eigen::RowMajor, kColumns = Eigen::ColMajor;
  const auto run = p.transpose_a ? (p.transpose_b ? product<T, kColumns, kColumns> : product<T, kColumns, kRows>)
                                 : (p.transpose_b ? product<T, kRows, kColumns> : product<T, kRows, kRows>);
  run(a, lda, b, ldb, c, p.n, m, n, p.k);
}

template <class T>
void run_product(KernelContext& context, const T* a, const T* b, T* c) {
  const auto& p = context.kept<ProductPlan>();
  if (p.products * p.m * p.n == 0) return;
  if (p.k == 0) return void(std::fill_n(c, p.products * p.m * p.n, T{0}));
  const std::int64_t small = std::max<std::int64_t>(1, kMinMultiplications / (p.m * p.n * p.k));  // products per chunk
  context.parallel_for(p.products * p.blocks, p.blocks > 1 ? 1 : small, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t index = task / p.blocks;
      const LoopNest::Offsets at = p.batch.offsets(index);
      run_block(p, a + at[0], b + at[1], c + index * p.m * p.n, task % p.blocks * p.block);
    }
  });
}

void matmul(KernelContext& c) {
  visit_floating(c.output(0).dtype(), [&]<class T>(TypeTag<T>) {
    const T *const x = c.input(0).data<T>(), *const y = c.input(1).data<T>();
    T* const z = c.output(0).data<T>();
    if constexpr (is_half_type<T>) {
      float* const a = c.scratch<float>();
      float* const b = a + c.input(0).num_elements();
      float* const out = b + c.input(1).num_elements();
      const auto convert = [&](std::int64_t count, auto&& f) { c.parallel_for(count, kComputeChunk, f); };
      convert(c.input(0).num_elements(), [&](std::int64_t i, std::int64_t end) { widen(x + i, a + i, end - i); });
      convert(c.input(1).num_elements(), [&](std::int64_t i, std::int64_t end) { widen(y + i, b + i, end - i); });
      run_product(c, a, b, out);
      convert(c.output(0).num_elements(), [&](std::int64_t i, std::int64_t end) { narrow(out + i, z + i, end - i); });
    } else {
      run_product(c, x, y, z);
    }
  });
}

void prepare_matmul(KernelContext& c) {
  c.state = std::make_shared<ProductPlan>(c);
  if (!is_half(c.output(0).dtype())) return;
  const std::int64_t elements = c.input(0).num_elements() + c.input(1).num_elements() + c.output(0).num_elements();
  c.request_scratch(static_cast<std::size_t>(elements) * sizeof(float));
}

}  // namespace

void register_matmul_kernels(KernelRegistry& kernels) {
  for (const char* op : {"MatMul", "BatchMatMul"}) {
    kernels.add({.op = op,
                 .device_type = kDevice,
                 .dtypes = kFloating,
                 .compute = matmul,
                 .prepare = prepare_matmul,
                 .description = "Eigen GEMM"});
  }
}

}  // namespace gradus::cpu
