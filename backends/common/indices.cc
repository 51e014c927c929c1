// Positions are told as people count them, by dimension, since a flat index says little about a tensor.
#include "gradus/backends/common/indices.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus::common {

std::string index_text(const Shape& indices, std::int64_t k, std::int64_t value, std::int64_t size) {
  std::string position;
  for (int d = indices.rank() - 1; d >= 0; --d) {
    const std::int64_t count = std::max<std::int64_t>(indices[d], 1);  // the text may be asked for where there are none
    position.insert(0, fmt::format("{}{}", k % count, position.empty() ? "" : ","));
    k /= count;
  }
  return fmt::format("indices[{}] is {}, outside [0, {})", position, value, size);
}

std::string label_text(std::int64_t row, std::int64_t label, std::int64_t classes) {
  return fmt::format("row {} has label {}, but there are {} classes", row, label, classes);
}

std::int64_t checked_index(const KernelContext& c, const Tensor& indices, std::int64_t k, std::int64_t size) {
  const std::int64_t value = index_value(indices, k);
  if (value >= 0 && value < size) return value;
  c.fail(Code::kOutOfRange, index_text(indices.shape(), k, value, size));
}

std::int64_t checked_label(const KernelContext& c, const Tensor& labels, std::int64_t k, std::int64_t classes) {
  const std::int64_t label = index_value(labels, k);
  if (label >= 0 && label < classes) return label;
  c.fail(Code::kOutOfRange, label_text(k, label, classes));
}

}  // namespace gradus::common
