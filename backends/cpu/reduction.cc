// Reductions, by the formulas that all fast backends share. Partial results are float64 (integers: int64; norms of float64: several
// sums), in sixteen lanes along a run.
#include "gradus/ops/reduction.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "gradus/backends/cpu/elementwise.h"
#include "gradus/backends/cpu/reduction_plan.h"
#include "gradus/backends/formulas/reduction.h"

namespace gradus::cpu {
namespace {

using namespace formulas;

// The elements of x from `offset` on, at most ReductionPlan::kBlock; those of 16 bits by way of `buffer`.
template <class T>
const Compute<T>* load(const T* x, std::int64_t n, Compute<T>* buffer) {
  if constexpr (is_half_type<T>) {
    widen(x, buffer, n);
    return buffer;
  } else {
    static_cast<void>(n), static_cast<void>(buffer);
    return x;
  }
}

template <class Op, class T>
typename Op::template Partial<T> reduce_run(const Compute<T>* x, std::int64_t n) {
  using W = typename Op::template Partial<T>;
  constexpr int kLanes = 16;
  W lanes[kLanes];
  std::fill_n(lanes, kLanes, Op::template initial<T>());
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane)
      lanes[lane] = Op::combine(lanes[lane], Op::template element<T>(static_cast<Wide<T>>(x[i + lane])));
  }
  for (int lane = 0; i < n; ++i, ++lane)
    lanes[lane] = Op::combine(lanes[lane], Op::template element<T>(static_cast<Wide<T>>(x[i])));
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int lane = 0; lane < width; ++lane) lanes[lane] = Op::combine(lanes[lane], lanes[lane + width]);
  }
  return lanes[0];
}

// The partial results of one task: steps [first, last) of the column block that begins at `column`.
template <class Op, class T>
void run_task(const ReductionPlan& plan, const T* x, std::int64_t column, std::int64_t columns, std::int64_t first,
              std::int64_t last, typename Op::template Partial<T>* partial) {
  Compute<T> buffer[ReductionPlan::kBlock];
  std::fill_n(partial, columns, Op::template initial<T>());
  for (std::int64_t step = first; step < last; ++step) {
    const T* run = x + plan.reduced_loops.offsets(step / plan.run_blocks)[0];
    if (plan.run_is_reduced) {
      const std::int64_t begin = step % plan.run_blocks * ReductionPlan::kBlock;
      const std::int64_t n = std::min(ReductionPlan::kBlock, plan.run - begin);
      partial[0] = Op::combine(partial[0], reduce_run<Op, T>(load(run + begin, n, buffer), n));
    } else {
      const Compute<T>* row = load(run + column, columns, buffer);
      for (std::int64_t i = 0; i < columns; ++i)
        partial[i] = Op::combine(partial[i], Op::template element<T>(static_cast<Wide<T>>(row[i])));
    }
  }
}

template <class Op, class T>
void reduce(KernelContext& c) {
  using W = typename Op::template Partial<T>;
  const auto& plan = c.kept<ReductionPlan>();
  const T* const x = c.input(0).data<T>();
  T* const y = c.output(0).data<T>();
  W* const partials = plan.parts > 1 ? c.scratch<W>() : nullptr;  // [parts, results]
  const auto finish = [&](W total) { return static_cast<T>(Op::finish(total, plan.count)); };
  c.parallel_for(plan.tasks, plan.task_chunk, [&](std::int64_t begin, std::int64_t end) {
    W local[ReductionPlan::kBlock];
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t part = task % plan.parts;
      const std::int64_t column = task / plan.parts % plan.column_blocks * ReductionPlan::kBlock;
      const std::int64_t outer = task / plan.parts / plan.column_blocks;
      const std::int64_t columns = std::min(ReductionPlan::kBlock, plan.columns - column);
      const std::int64_t first = part * plan.steps_per_part;
      const std::int64_t result = outer * plan.columns + column;
      W* const partial = partials != nullptr ? partials + part * plan.results + result : local;
      run_task<Op, T>(plan, x + plan.kept_loops.offsets(outer)[0], column, columns, first,
                      std::min(first + plan.steps_per_part, plan.steps), partial);
      for (std::int64_t i = 0; partials == nullptr && i < columns; ++i) y[result + i] = finish(partial[i]);
    }
  });
  for (std::int64_t i = 0; partials != nullptr && i < plan.results; ++i) {
    W total = partials[i];
    for (std::int64_t part = 1; part < plan.parts; ++part)
      total = Op::combine(total, partials[part * plan.results + i]);
    y[i] = finish(total);
  }
}

void prepare(KernelContext& c, const Shape& kept, std::size_t partial_bytes = sizeof(double)) {
  auto plan = std::make_shared<ReductionPlan>(c.input(0).shape(), kept);
  if (plan->parts > 1) c.request_scratch(static_cast<std::size_t>(plan->parts * plan->results) * partial_bytes);
  c.state = std::move(plan);
}

template <std::size_t partial_bytes = sizeof(double)>
void prepare_reduction(KernelContext& c) {
  Shape kept = c.input(0).shape();
  for (int axis : reduced_axes(c.attrs<ReductionAttrs>().axes, kept.rank())) kept.set_dim(axis, 1);
  prepare(c, kept, partial_bytes);
}

void prepare_l2_loss(KernelContext& c) { prepare(c, Shape::of_rank(c.input(0).shape().rank(), 1)); }

void prepare_sum_to_shape(KernelContext& c) {
  Shape kept = Shape::of_rank(c.input(0).shape().rank() - c.output(0).shape().rank(), 1);
  for (std::int64_t size : c.output(0).shape()) kept.push_back(size);
  prepare(c, kept);
}

template <class Op, class Dtypes>
void add_reduction(KernelRegistry& kernels, const char* op, KernelFn prepare_fn = prepare_reduction<>) {
  const KernelFn compute = [](KernelContext& c) {
    visit_dtype(c.input(0).dtype(), [&]<class T>(TypeTag<T>) {
      if constexpr (Dtypes::dtypes.contains(dtype_of<T>)) reduce<Op, T>(c);
    });
  };
  kernels.add(op, kDevice, Dtypes::dtypes, compute, prepare_fn);
}

void sum_to_shape(KernelContext& c) {
  const Tensor& x = c.input(0);
  if (x.num_elements() == c.output(0).num_elements()) {  // nothing was broadcast
    if (x.bytes() > 0 && c.output(0).raw() != x.raw()) std::memcpy(c.output(0).raw(), x.raw(), x.bytes());
    return;
  }
  visit_dtype(x.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!std::is_same_v<T, bool>) reduce<SumOp, T>(c);
  });
}

}  // namespace

void register_reduction_kernels(KernelRegistry& kernels) {
  add_reduction<SumOp, Numeric>(kernels, "Sum");
  add_reduction<MeanOp, Real>(kernels, "Mean");
  add_reduction<MaxOp, Numeric>(kernels, "Max");
  add_reduction<MinOp, Numeric>(kernels, "Min");
  add_reduction<ProdOp, Numeric>(kernels, "Prod");
  add_reduction<EuclideanNormOp, Real>(kernels, "EuclideanNorm", prepare_reduction<sizeof(ScaledSquares)>);
  add_reduction<L2LossOp, Real>(kernels, "L2Loss", prepare_l2_loss);
  kernels.add("SumToShape", kDevice, kNumeric, sum_to_shape, prepare_sum_to_shape);
}

}  // namespace gradus::cpu
