#include "cases/all_cases.h"
#include "gradus/ops/batch_norm.h"

namespace gradus::cases {

void add_batch_norm_cases(std::vector<OpCase>& cases) {
  struct Named {
    const char* name;
    Shape x;
    std::int64_t channels;
    BatchNormAttrs attrs;
  };
  const auto nhwc = DataFormat::kNHWC, nchw = DataFormat::kNCHW;
  for (const Named& n : std::vector<Named>{{"training", {2, 2, 3, 2}, 2, {0.1, true, nhwc}},
                                           {"training_nchw", {2, 2, 3, 3}, 2, {0.1, true, nchw}},
                                           {"training_matrix", {5, 3}, 3, {0.1, true, nhwc}},
                                           {"inference", {2, 2, 3, 2}, 2, {0.1, false, nhwc}},
                                           {"inference_nchw", {2, 2, 3, 3}, 2, {0.1, false, nchw}},
                                           {"inference_no_images", {0, 2, 3, 2}, 2, {0.1, false, nhwc}},
                                           {"training_nine_rows", {9, 3}, 3, {0.1, true, nhwc}},
                                           {"training_one_row", {1, 3}, 3, {0.1, true, nhwc}}}) {
    const Shape c{n.channels};
    cases.push_back({.op = "FusedBatchNorm",
                     .name = n.name,
                     .operands = {real(n.x), real(c, 0.5, 1.5), real(c), real(c), real(c, 0.5, 2)},
                     .attrs = n.attrs,
                     .dtypes = kCaseDTypes,
                     .tolerance_float16 = 1e-2});
    cases.push_back({.op = "FusedBatchNormGrad",
                     .name = n.name,
                     .operands = {real(n.x), real(n.x), real(c, 0.5, 1.5), real(c), real(c, 0.5, 1.5)},
                     .attrs = n.attrs,
                     .dtypes = kCaseDTypes,
                     .tolerance_float16 = 1e-2});
    cases.push_back({.op = "FusedBatchNorm",
                     .name = std::string(n.name) + "_float32_parameters",
                     .operands = {real(n.x), accumulated(real(c, 0.5, 1.5)), accumulated(real(c)), accumulated(real(c)),
                                  accumulated(real(c, 0.5, 2))},
                     .attrs = n.attrs,
                     .dtypes = kCaseDTypes,
                     .max_order = 0,
                     .max_order_reason = "in float64 it is the case before"});
    cases.push_back({.op = "FusedBatchNormGrad",
                     .name = std::string(n.name) + "_float32_parameters",
                     .operands = {real(n.x), real(n.x), accumulated(real(c, 0.5, 1.5)), accumulated(real(c)),
                                  accumulated(real(c, 0.5, 1.5))},
                     .attrs = n.attrs,
                     .dtypes = kCaseDTypes,
                     .max_order = 0,
                     .max_order_reason = "in float64 it is the case before"});
  }
}

}  // namespace gradus::cases
