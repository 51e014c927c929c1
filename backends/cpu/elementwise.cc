// The loops of an element-wise op are made once per plan; the result advances by one element per iteration, so that an iteration's
// number is its offset.
#include "gradus/backends/cpu/elementwise.h"

namespace gradus::cpu {

void for_rows(KernelContext& c, FunctionRef<void(const LoopNest::Offsets&, std::int64_t, std::int64_t)> row) {
  const auto& nest = c.kept<LoopNest>();
  c.parallel_for(c.output(0).num_elements(), kComputeChunk,
                 [&](std::int64_t begin, std::int64_t end) { nest.for_rows(begin, end, row); });
}

unsigned advancing_operands(const KernelContext& c) {
  const LoopNest::Loop row = c.kept<LoopNest>().row();
  if (row.count <= 1) return ~0u;
  unsigned bits = 0;
  for (std::size_t k = 0; k < row.strides.size(); ++k) bits |= row.strides[k] != 0 ? 1u << k : 0u;
  return bits;
}

}  // namespace gradus::cpu
