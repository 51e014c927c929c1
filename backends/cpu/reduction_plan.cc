#include "gradus/backends/cpu/reduction_plan.h"

#include <algorithm>

namespace gradus::cpu {
namespace {

constexpr std::int64_t kChunkElements = 32768;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

void LoopNest::add(std::int64_t size, std::int64_t stride) {
  sizes[static_cast<std::size_t>(count)] = size;
  strides[static_cast<std::size_t>(count++)] = stride;
}

std::int64_t LoopNest::total() const {
  std::int64_t product = 1;
  for (int i = 0; i < count; ++i) product *= sizes[static_cast<std::size_t>(i)];
  return product;
}

std::int64_t LoopNest::offset(std::int64_t i) const {
  std::int64_t result = 0;
  for (int loop = count - 1; loop > 0; --loop) {
    const std::int64_t size = sizes[static_cast<std::size_t>(loop)];
    result += i % size * strides[static_cast<std::size_t>(loop)];
    i /= size;
  }
  return count > 0 ? result + i * strides[0] : 0;
}

ReductionPlan::ReductionPlan(const Shape& x, const Shape& kept) {
  results = kept.num_elements();
  count = results > 0 ? x.num_elements() / results : 0;
  if (count == 0) {  // nothing to add up: every result is the initial value
    columns = results;
    run = results;
    steps = 0;
    column_blocks = tasks = ceil_div(results, kBlock);
    return;
  }
  struct Group {
    std::int64_t size;
    bool reduced;
  };
  std::array<Group, Shape::kMaxRank> groups{};
  int number = 0;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x[axis] == 1) continue;
    const bool reduced = kept[axis] == 1;
    if (number == 0 || groups[static_cast<std::size_t>(number - 1)].reduced != reduced) {
      groups[static_cast<std::size_t>(number++)] = {1, reduced};
    }
    groups[static_cast<std::size_t>(number - 1)].size *= x[axis];
  }
  if (number > 0) {
    run = groups[static_cast<std::size_t>(number - 1)].size;
    run_is_reduced = groups[static_cast<std::size_t>(number - 1)].reduced;
  }
  std::array<std::int64_t, Shape::kMaxRank> strides{};
  std::int64_t stride = run;
  for (int g = number - 2; g >= 0; --g) {
    strides[static_cast<std::size_t>(g)] = stride;
    stride *= groups[static_cast<std::size_t>(g)].size;
  }
  for (int g = 0; g < number - 1; ++g) {
    const Group& group = groups[static_cast<std::size_t>(g)];
    (group.reduced ? reduced_loops : kept_loops).add(group.size, strides[static_cast<std::size_t>(g)]);
  }
  columns = run_is_reduced ? 1 : run;
  column_blocks = ceil_div(columns, kBlock);
  run_blocks = run_is_reduced ? ceil_div(run, kBlock) : 1;
  steps = reduced_loops.total() * run_blocks;
  const std::int64_t outer_tasks = kept_loops.total() * column_blocks;
  const std::int64_t wanted = std::min<std::int64_t>(ceil_div(x.num_elements(), kChunkElements), 64);
  parts = std::min(steps, std::max<std::int64_t>(1, ceil_div(wanted, outer_tasks)));
  steps_per_part = ceil_div(steps, parts);
  parts = ceil_div(steps, steps_per_part);
  tasks = outer_tasks * parts;
  task_chunk = std::max<std::int64_t>(1, tasks * kChunkElements / std::max<std::int64_t>(1, x.num_elements()));
}

}  // namespace gradus::cpu
