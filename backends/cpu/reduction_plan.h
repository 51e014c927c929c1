// How a reduction is cut into tasks: by the shapes alone, so that results do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "gradus/backends/common/loop_nest.h"

namespace gradus::cpu {

// x is walked by loops over neighbouring dimensions that are all kept or all reduced. The innermost loop makes contiguous runs:
//   - it is reduced: a run is summed to one number (long runs are cut into blocks of kBlock);
//   - it is kept: whole runs are added to each other, kBlock columns at a time.
// A task is (kept outer index, column block, part of the reduced runs). Few results over many elements are cut into
// several parts, whose results are combined in their order.
struct ReductionPlan {
  static constexpr std::int64_t kBlock = 1024;

  // `kept` is x's shape with the reduced dimensions 1.
  ReductionPlan(const Shape& x, const Shape& kept);

  bool run_is_reduced = false;
  std::int64_t run = 1;                        // elements of a run
  common::LoopNest kept_loops, reduced_loops;  // the other loops, as offsets in x
  std::int64_t columns = 1;                    // results per kept outer index: run, or 1
  std::int64_t column_blocks = 1;
  std::int64_t run_blocks = 1;  // blocks per run that is reduced
  std::int64_t steps = 1;       // reduced loops * run_blocks: what the parts divide among them
  std::int64_t parts = 1;
  std::int64_t steps_per_part = 1;
  std::int64_t tasks = 1;
  std::int64_t task_chunk = 1;  // tasks that are worth a chunk of their own
  std::int64_t results = 1;
  std::int64_t count = 0;  // elements per result
};

}  // namespace gradus::cpu
