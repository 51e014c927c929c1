// Reductions: a block per result where each is of many elements, a thread where it is of few. Either way partial results are combined in
// an order that depends on the shape alone.
#include "gradus/backends/formulas/reduction.h"

#include "gradus/backends/cuda/elementwise.h"
#include "gradus/ops/reduction.h"

namespace gradus::cuda {
namespace {

using namespace formulas;

// Where result i begins in x, and how far from there its element r lies.
struct ReductionPlan {
  LoopNest results, elements;
  std::int64_t count = 1;  // of elements per result
};

template <class Op, class T>
using PartialOf = typename Op::template Partial<T>;

template <class Op, class T>
__device__ PartialOf<Op, T> element_of(const T* x, const Loops<1>& elements, std::int64_t base, std::int64_t r) {
  std::int64_t offset[1] = {base};
  find_offsets<std::uint64_t>(elements, r, offset);
  return Op::template element<T>(static_cast<Wide<T>>(x[offset[0]]));
}

template <class Op, class T>
__global__ void reduce_by_threads(T* y, const T* x, Loops<1> results, Loops<1> elements, std::int64_t count,
                                  std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    std::int64_t base[1] = {};
    find_offsets<std::uint64_t>(results, i, base);
    auto total = Op::template initial<T>();
    for (std::int64_t r = 0; r < count; ++r) total = Op::combine(total, element_of<Op, T>(x, elements, base[0], r));
    y[i] = static_cast<T>(Op::finish(total, count));
  }
}

template <class Op, class T>
__global__ void reduce_by_blocks(T* y, const T* x, Loops<1> results, Loops<1> elements, std::int64_t count) {
  using Partial = PartialOf<Op, T>;
  GRADUS_SHARED(Partial, totals, [kThreads]);
  std::int64_t base[1] = {};
  find_offsets<std::uint64_t>(results, blockIdx.x, base);
  Partial total = Op::template initial<T>();
  for (std::int64_t r = threadIdx.x; r < count; r += kThreads)
    total = Op::combine(total, element_of<Op, T>(x, elements, base[0], r));
  totals[threadIdx.x] = total;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) totals[threadIdx.x] = Op::combine(totals[threadIdx.x], totals[threadIdx.x + half]);
  }
  if (threadIdx.x == 0) y[blockIdx.x] = static_cast<T>(Op::finish(totals[0], count));
}

template <class Op, class T>
void reduce(KernelContext& c) {
  constexpr std::int64_t kFew = 64;
  const auto& plan = c.kept<ReductionPlan>();
  const Loops<1> results(plan.results), elements(plan.elements);
  const std::int64_t n = c.output(0).num_elements();
  T* const y = c.output(0).data<T>();
  const T* const x = c.input(0).data<T>();
  if (plan.count < kFew) {
    run_over<reduce_by_threads<Op, T>>(c, n, y, x, results, elements, plan.count, n);
  } else {
    run_blocks<reduce_by_blocks<Op, T>>(c, n, kThreads, y, x, results, elements, plan.count);
  }
}

// `kept` is x's shape with the reduced dimensions 1.
void prepare(KernelContext& c, const Shape& kept) {
  const Shape& x = c.input(0).shape();
  const auto strides = common::row_major_strides(x);
  ReductionPlan plan;
  for (int d = 0; d < x.rank(); ++d) {
    (kept[d] == x[d] ? plan.results : plan.elements).add(x[d], {strides[d]});
    if (kept[d] != x[d]) plan.count *= x[d];
  }
  c.keep(plan);
}
void prepare_reduction(KernelContext& c) {
  Shape kept = c.input(0).shape();
  for (const int axis : reduced_axes(c.attrs<ReductionAttrs>().axes, kept.rank())) kept.set_dim(axis, 1);
  prepare(c, kept);
}
void prepare_l2_loss(KernelContext& c) { prepare(c, Shape::of_rank(c.input(0).shape().rank(), 1)); }
void prepare_sum_to_shape(KernelContext& c) {
  Shape kept = Shape::of_rank(c.input(0).shape().rank() - c.output(0).shape().rank(), 1);
  for (const std::int64_t size : c.output(0).shape()) kept.push_back(size);
  prepare(c, kept);
}

template <class Op, class Dtypes>
void add_reduction(KernelRegistry& kernels, const char* op, KernelFn prepare_fn = prepare_reduction) {
  const KernelFn compute = [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (Dtypes::dtypes.contains(dtype_of<T>)) reduce<Op, T>(c);
    });
  };
  kernels.add(op, kDevice, Dtypes::dtypes, compute, prepare_fn);
}

}  // namespace

void register_reduction_kernels(KernelRegistry& kernels) {
  add_reduction<SumOp, Numeric>(kernels, "Sum");
  add_reduction<MeanOp, Real>(kernels, "Mean");
  add_reduction<MaxOp, Numeric>(kernels, "Max");
  add_reduction<MinOp, Numeric>(kernels, "Min");
  add_reduction<ProdOp, Numeric>(kernels, "Prod");
  add_reduction<EuclideanNormOp, Real>(kernels, "EuclideanNorm");
  add_reduction<L2LossOp, Real>(kernels, "L2Loss", prepare_l2_loss);
  add_reduction<SumOp, Numeric>(kernels, "SumToShape", prepare_sum_to_shape);
}

}  // namespace gradus::cuda
