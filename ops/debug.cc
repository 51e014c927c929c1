#include "gradus/ops/debug.h"

#include <cstdint>

#include "gradus/graph/graph.h"
#include "gradus/ops/register_all.h"

namespace gradus {
namespace {

void print_shape(ShapeContext& c) {
  const std::int64_t summarize = c.attrs<PrintAttrs>().summarize;
  if (summarize < 0 || summarize > INT32_MAX) {
    c.fail("summarize, the number of elements to print, must be at least 0 and below 2^31; got " +
           std::to_string(summarize));
  }
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

void check_numerics_shape(ShapeContext& c) {
  c.require_floating(0, "x");
  c.set_output(0, c.input_dtype(0), c.input_shape(0));
}

}  // namespace

Output check_numerics(const Output& x, const std::string& message, At at) {
  return add_op("CheckNumerics", {x}, CheckNumericsAttrs{message}, at);
}

Output print(const Output& x, const std::string& message, std::int64_t summarize, At at) {
  return add_op("Print", {x}, PrintAttrs{message, summarize}, at);
}

void register_debug_ops(OpRegistry& registry) {
  registry.add(
      def("CheckNumerics", {"x"}, {"y"}, check_numerics_shape, "y = x; fails when x holds a NaN or an infinity")
          .effect(Effect::kExternal)
          .attrs(CheckNumericsAttrs{})
          .inplace({0}));
  registry.add(def("Print", {"x"}, {"y"}, print_shape, "y = x; writes x to stderr")
                   .effect(Effect::kExternal)
                   .attrs(PrintAttrs{})
                   .inplace({0}));
}

}  // namespace gradus
