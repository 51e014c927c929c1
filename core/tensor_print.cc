// Text form of tensors: dtype, shape, statistics and (shortened) nested brackets.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include "gradus/core/tensor.h"

namespace gradus {
namespace {

// Prints the block of `axis` that starts at element `start`; `left` counts the elements that may still be shown.
void print_axis(const Tensor& t, int axis, std::int64_t start, std::int64_t stride, int* left, std::string* out) {
  if (axis == t.shape().rank()) {
    *out += t.element_to_string(start);
    --*left;
    return;
  }
  *out += '[';
  if (t.shape()[axis] == 0) --*left;  // a row of nothing counts, or [1000000,0] would print a million of them
  const std::int64_t inner = t.shape()[axis] == 0 ? 0 : stride / t.shape()[axis];
  for (std::int64_t i = 0; i < t.shape()[axis]; ++i) {
    if (i > 0) *out += ", ";
    if (*left <= 0) {
      *out += "...";
      break;
    }
    print_axis(t, axis + 1, start + i * inner, inner, left, out);
  }
  *out += ']';
}

}  // namespace

std::string Tensor::element_to_string(std::int64_t index) const {
  const double value = at(index);
  switch (dtype_) {
    case DType::kBool: return value != 0.0 ? "true" : "false";
    case DType::kInt32: return std::to_string(data<std::int32_t>()[index]);
    case DType::kInt64: return std::to_string(data<std::int64_t>()[index]);
    case DType::kUInt8: return std::to_string(data<std::uint8_t>()[index]);
    default: return fmt::format("{:.6g}", value);
  }
}

std::string Tensor::to_string(int max_elements) const {
  if (!has_value_) return "(no value)";
  std::string text = fmt::format("{} {}", dtype_name(dtype_), shape_.to_string());
  if (is_floating(dtype_) && count_ > 1) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    double sum = 0.0;
    std::int64_t finite = 0;
    for (std::int64_t i = 0; i < count_; ++i) {
      const double value = at(i);
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
      sum += value;
      ++finite;
    }
    if (finite > 0)
      text += fmt::format(" min {:.6g} mean {:.6g} max {:.6g}", low, sum / static_cast<double>(finite), high);
    if (finite < count_) text += fmt::format(" ({} not finite)", count_ - finite);
  }
  text += ": ";
  int left = max_elements;
  print_axis(*this, 0, 0, count_, &left, &text);
  return text;
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.to_string(); }

}  // namespace gradus
