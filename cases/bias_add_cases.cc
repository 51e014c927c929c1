#include "cases/all_cases.h"
#include "gradus/ops/bias_add.h"

namespace gradus::cases {

void add_bias_add_cases(std::vector<OpCase>& cases) {
  struct Named {
    const char* name;
    Shape value;
    std::int64_t channels;
    DataFormat format;
  };
  const auto nhwc = DataFormat::kNHWC, nchw = DataFormat::kNCHW;
  for (const Named& n : std::vector<Named>{{"matrix", {4, 3}, 3, nhwc},
                                           {"image", {2, 3, 2, 5}, 5, nhwc},
                                           {"image_nchw", {2, 5, 3, 4}, 5, nchw},
                                           {"matrix_nchw", {4, 3}, 3, nchw},
                                           {"rank3_nchw", {2, 3, 9}, 3, nchw},
                                           {"one_channel", {2, 3, 4, 1}, 1, nhwc},
                                           {"no_rows", {0, 3}, 3, nhwc},
                                           {"no_channels", {2, 0}, 0, nhwc}}) {
    const BiasAddAttrs attrs{n.format};
    const std::vector<DType> floating = kCaseDTypes;
    cases.push_back({.op = "BiasAdd",
                     .name = n.name,
                     .operands = {real(n.value), real({n.channels})},
                     .attrs = attrs,
                     .dtypes = floating});
    cases.push_back(
        {.op = "BiasAddGrad", .name = n.name, .operands = {real(n.value)}, .attrs = attrs, .dtypes = floating});
  }
  cases.push_back({.op = "BiasAddGrad",
                   .name = "several_parts",
                   .operands = {real({5000, 7})},
                   .attrs = BiasAddAttrs{},
                   .max_order = 1,
                   .max_order_reason = "linear; small shapes check order 2"});
}

}  // namespace gradus::cases
