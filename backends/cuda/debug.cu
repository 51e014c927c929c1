// CheckNumerics: one kernel passes the operand on and counts what is no number, another says so if there is any. (Print writes on the host.)
#include "gradus/ops/debug.h"

#include <cmath>

#include "gradus/backends/common/debug.h"
#include "gradus/backends/cuda/kernels.h"

namespace gradus::cuda {
namespace {

using Count = unsigned long long;
// In scratch memory.
struct Census {
  Count nans, infinities, first;
};

__global__ void begin_census(Census* census, Count elements) {
  if (first_item() == 0) *census = {0, 0, elements};
}

template <class T>
__global__ void take_census(Census* census, T* y, const T* x, std::int64_t n) {
  for (std::int64_t i = first_item(); i < n; i += item_stride()) {
    const auto value = static_cast<Compute<T>>(x[i]);
    if (std::isnan(value)) atomicAdd(&census->nans, Count{1});
    if (std::isinf(value)) atomicAdd(&census->infinities, Count{1});
    if (!std::isfinite(value)) atomicMin(&census->first, static_cast<Count>(i));
    if (y != x) y[i] = x[i];
  }
}

__global__ void end_census(const Census* census, Finding* findings, unsigned mistake) {
  if (first_item() == 0 && census->nans + census->infinities > 0) {
    report(findings, mistake, static_cast<std::int64_t>(census->nans), static_cast<std::int64_t>(census->infinities),
           static_cast<std::int64_t>(census->first));
  }
}

void prepare_check_numerics(KernelContext& c) {
  c.request_scratch(sizeof(Census));
  const auto text = [message = c.attrs<CheckNumericsAttrs>().message, shape = c.input(0).shape()](
                        std::int64_t nans, std::int64_t infinities, std::int64_t first) {
    return common::non_finite_text(message, shape, nans, infinities, first);
  };
  c.keep(add_mistake(c, Code::kInvalidArgument, text));
}

template <class T>
void check_numerics(KernelContext& c) {
  const std::int64_t n = c.input(0).num_elements();
  Census* const census = c.scratch<Census>();
  run_blocks<begin_census>(c, 1, 1, census, static_cast<Count>(n));
  run_over<take_census<T>>(c, n, census, c.output(0).data<T>(), c.input(0).data<T>(), n);
  run_blocks<end_census>(c, 1, 1, census, device_of(c).findings(), c.kept<unsigned>());
}

}  // namespace

void register_debug_kernels(KernelRegistry& kernels) {
  common::for_each_floating([&]<class T>(TypeTag<T>) {
    kernels.add("CheckNumerics", kDevice, {dtype_of<T>}, check_numerics<T>, prepare_check_numerics);
  });
  kernels.add_cpu_only("Print", kDevice, "it writes what the host's memory holds");
}

}  // namespace gradus::cuda
