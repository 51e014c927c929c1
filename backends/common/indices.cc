// Positions are told as people count them, by dimension, since a flat index says little about a tensor.
#include "gradus/backends/common/indices.h"

#include <fmt/format.h>

namespace gradus::common {

std::int64_t checked_index(const KernelContext& c, const Tensor& indices, std::int64_t k, std::int64_t size) {
  const std::int64_t value = index_value(indices, k);
  if (value >= 0 && value < size) return value;
  std::string position;
  std::int64_t rest = k;
  for (int d = indices.shape().rank() - 1; d >= 0; --d) {
    position.insert(0, fmt::format("{}{}", rest % indices.shape()[d], position.empty() ? "" : ","));
    rest /= indices.shape()[d];
  }
  c.fail(Code::kOutOfRange, fmt::format("indices[{}] is {}, outside [0, {})", position, value, size));
}

std::int64_t checked_label(const KernelContext& c, const Tensor& labels, std::int64_t k, std::int64_t classes) {
  const std::int64_t label = index_value(labels, k);
  if (label >= 0 && label < classes) return label;
  c.fail(Code::kOutOfRange, fmt::format("row {} has label {}, but there are {} classes", k, label, classes));
}

}  // namespace gradus::common
