// Kernels that look at values for people: they pass their operand on and count or print it.
#include "gradus/ops/debug.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "gradus/backends/common/debug.h"
#include "gradus/backends/common/kernels.h"

namespace gradus::common {

std::string non_finite_text(const std::string& message, const Shape& shape, std::int64_t nans, std::int64_t infinities,
                            std::int64_t first) {
  return fmt::format("{}{}{} NaN and {} infinite elements of {}, the first at index {} of {}", message,
                     message.empty() ? "" : ": ", nans, infinities, shape.num_elements(), first, shape.to_string());
}

namespace {

void check_numerics(KernelContext& c) {
  const Tensor& x = c.input(0);
  std::int64_t nans = 0, infinities = 0, first = -1;
  for (std::int64_t i = 0; i < x.num_elements(); ++i) {
    const double value = x.at(i);
    nans += std::isnan(value) ? 1 : 0;
    infinities += std::isinf(value) ? 1 : 0;
    if (first < 0 && !std::isfinite(value)) first = i;
  }
  if (first >= 0) {
    c.fail(Code::kInvalidArgument,
           non_finite_text(c.attrs<CheckNumericsAttrs>().message, x.shape(), nans, infinities, first));
  }
  if (c.output(0).raw() != x.raw()) c.output(0).copy_from(x);
}

void print(KernelContext& c) {
  const auto& attrs = c.attrs<PrintAttrs>();
  const std::string text = c.input(0).to_string(static_cast<int>(attrs.summarize));
  std::fprintf(stderr, "%s%s%s\n", attrs.message.c_str(), attrs.message.empty() ? "" : ": ", text.c_str());
  if (c.output(0).raw() != c.input(0).raw()) c.output(0).copy_from(c.input(0));
}

}  // namespace

void register_debug_kernels(KernelRegistry& kernels, const char* device_type) {
  kernels.add("CheckNumerics", device_type, kFloating, check_numerics);
  kernels.add("Print", device_type, kAllDTypes, print);
}

}  // namespace gradus::common
