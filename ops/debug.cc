#include "gradus/ops/debug.h"

#include <cstdint>

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

Output check_numerics(const Output& x, const std::string& message, std::string_view name, SourceLocation location) {
  return add_op("CheckNumerics", {x}, CheckNumericsAttrs{message}, name, location);
}

Output print(const Output& x, const std::string& message, std::int64_t summarize, std::string_view name,
             SourceLocation location) {
  return add_op("Print", {x}, PrintAttrs{message, summarize}, name, location);
}

void register_debug_ops(OpRegistry& registry) {
  registry.add({.name = "CheckNumerics",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = check_numerics_shape,
                .attrs = CheckNumericsAttrs{},
                .summary = "y = x; fails when x holds a NaN or an infinity",
                .effect = Effect::kExternal,
                .inplace_inputs = {0}});
  registry.add({.name = "Print",
                .inputs = {"x"},
                .outputs = {"y"},
                .shape = print_shape,
                .attrs = PrintAttrs{},
                .summary = "y = x; writes x to stderr",
                .effect = Effect::kExternal,
                .inplace_inputs = {0}});
}

}  // namespace gradus
