#include "gradus/ops/gather_images.h"

#include "cases/all_cases.h"

namespace gradus::cases {
namespace {

// Values 0..1, or bytes, all over their range.
Operand image_set(DType dtype, const Shape& shape) {
  const Tensor values = random_uniform_tensor(DType::kFloat32, shape, 11, 0.0, dtype == DType::kUInt8 ? 256.0 : 1.0);
  return fixed(values.cast(dtype));
}

Operand channel_values(const std::vector<float>& values) { return fixed(Tensor::from(values)); }

}  // namespace

void add_gather_images_cases(std::vector<OpCase>& cases) {
  struct Named {
    const char* name;
    Shape images;
    std::vector<std::int32_t> choices;  // image, top, left, mirrored
    std::vector<float> mean, stddev;
    bool reflect = false;
  };
  std::vector<std::int32_t> many;
  for (std::int32_t i = 0; i < 12; ++i) many.insert(many.end(), {i * 7 % 5, i - 6, 5 - i, i % 2});
  const std::vector<Named> rows = {
      {"still", {3, 4, 5, 1}, {2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0}, {0.0F}, {1.0F}},
      {"moved", {2, 4, 5, 1}, {1, 2, -1, 0, 0, -3, 4, 0, 1, 0, -4, 0, 0, 3, 0, 0}, {0.25F}, {0.5F}},
      {"mirrored", {2, 3, 4, 3}, {1, 0, 0, 1, 0, 1, -2, 1}, {0.5F, 0.4F, 0.3F}, {0.2F, 0.3F, 0.7F}},
      {"reflected", {2, 4, 3, 2}, {0, 3, -2, 0, 1, -3, 2, 1, 0, 0, 1, 0}, {0.1F, 0.2F}, {0.3F, 3.0F}, true},
      {"pixels", {4, 1, 1, 3}, {3, 0, 0, 1, 1, 0, 0, 0}, {0.1F, 0.2F, 0.3F}, {0.5F, 0.5F, 0.5F}, true},
      {"no_choices", {2, 3, 3, 1}, {}, {0.0F}, {1.0F}},
      {"no_channels", {2, 3, 3, 0}, {1, 0, 0, 0}, {}, {}},
      {"several_chunks", {5, 40, 41, 3}, many, {0.5F, 0.4F, 0.3F}, {0.2F, 0.3F, 0.7F}},
  };
  for (const Named& row : rows) {
    const auto count = static_cast<std::int64_t>(row.choices.size()) / kChoiceColumns;
    for (const DType dtype : {DType::kUInt8, DType::kFloat32}) {
      cases.push_back({.op = "GatherImages",
                       .name = std::string(row.name) + "_" + dtype_name(dtype),
                       .operands = {image_set(dtype, row.images), int32s({count, kChoiceColumns}, row.choices),
                                    channel_values(row.mean), channel_values(row.stddev)},
                       .attrs = GatherImagesAttrs{row.reflect},
                       .dtypes = {DType::kFloat32}});
    }
  }
}

}  // namespace gradus::cases
