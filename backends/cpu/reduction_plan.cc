// All sizes follow from the shapes. A task should be worth a chunk of its own; where there are fewer tasks than that, their runs
// are cut into parts.
#include "gradus/backends/cpu/reduction_plan.h"

#include <algorithm>

#include "gradus/backends/cpu/kernels.h"

namespace gradus::cpu {

ReductionPlan::ReductionPlan(const Shape& x, const Shape& kept) {
  results = kept.num_elements();
  count = results > 0 ? x.num_elements() / results : 0;
  if (count == 0) {  // nothing to add up: every result is the initial value
    columns = results;
    run = results;
    steps = 0;
    column_blocks = tasks = ceil_divide(results, kBlock);
    return;
  }
  // Operand 0 is x, operand 1 the result, which stands still where a dimension is reduced: so the loops that the nest joins are those
  // of neighbouring dimensions of one kind.
  const auto strides = row_major_strides(x), result_strides = broadcast_strides(kept, x);
  LoopNest nest;
  for (int axis = 0; axis < x.rank(); ++axis) nest.add(x[axis], {strides[axis], result_strides[axis]});
  run = nest.row().count;
  run_is_reduced = nest.size() > 0 && nest.row().strides[1] == 0;
  for (int i = 0; i < nest.size() - 1; ++i) {
    (nest[i].strides[1] == 0 ? reduced_loops : kept_loops).add(nest[i].count, {nest[i].strides[0]});
  }
  columns = run_is_reduced ? 1 : run;
  column_blocks = ceil_divide(columns, kBlock);
  run_blocks = run_is_reduced ? ceil_divide(run, kBlock) : 1;
  steps = reduced_loops.iterations() * run_blocks;
  const std::int64_t outer_tasks = kept_loops.iterations() * column_blocks;
  const std::int64_t wanted = std::min<std::int64_t>(ceil_divide(x.num_elements(), kCopyChunk), 64);
  parts = std::min(steps, std::max<std::int64_t>(1, ceil_divide(wanted, outer_tasks)));
  steps_per_part = ceil_divide(steps, parts);
  parts = ceil_divide(steps, steps_per_part);
  tasks = outer_tasks * parts;
  task_chunk = std::max<std::int64_t>(1, tasks * kCopyChunk / std::max<std::int64_t>(1, x.num_elements()));
}

}  // namespace gradus::cpu
