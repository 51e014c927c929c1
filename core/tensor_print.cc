// Text form of tensors: dtype, shape, statistics and nested brackets, in one line (shortened) or one line per row.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>

#include "gradus/core/tensor_text.h"

namespace gradus {
namespace {

constexpr int kPrecision = 6;
constexpr int kShortElements = 32;

std::string element_text(const Tensor& t, std::int64_t index, int precision) {
  const double value = t.at(index);
  switch (t.dtype()) {
    case DType::kBool: return value != 0.0 ? "true" : "false";
    case DType::kInt32: return std::to_string(t.data<std::int32_t>()[index]);
    case DType::kInt64: return std::to_string(t.data<std::int64_t>()[index]);
    case DType::kUInt8: return std::to_string(t.data<std::uint8_t>()[index]);
    default: return std::isnan(value) ? "nan" : fmt::format("{:.{}g}", value, precision);
  }
}

// "float32 [2,3] min 1 mean 2.5 max 4"
std::string head(const Tensor& t, int precision) {
  std::string text = type_text(t);
  if (!is_floating(t.dtype()) || t.num_elements() <= 1) return text;
  const auto [low, high, sum, finite] = finite_range(t);
  if (finite > 0) {
    text += fmt::format(" min {:.{}g} mean {:.{}g} max {:.{}g}", low, precision, sum / static_cast<double>(finite),
                        precision, high, precision);
  }
  if (finite < t.num_elements()) text += fmt::format(" ({} not finite)", t.num_elements() - finite);
  return text;
}

// Prints the block of `axis` that starts at element `start`; `left` counts the elements that may still be shown.
void print_axis(const Tensor& t, int axis, std::int64_t start, std::int64_t stride, int precision, int* left,
                std::string* out) {
  if (axis == t.shape().rank()) {
    *out += element_text(t, start, precision);
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
    print_axis(t, axis + 1, start + i * inner, inner, precision, left, out);
  }
  *out += ']';
}

std::string one_line(const Tensor& t, int max_elements, int precision) {
  if (!t.defined()) return "(no value)";
  std::string text = head(t, precision) + ": ";
  int left = max_elements;
  print_axis(t, 0, 0, t.num_elements(), precision, &left, &text);
  return text;
}

// The rows of a tensor of rank 1 or more that has elements, the way NumPy writes them.
class Lines {
 public:
  Lines(const Tensor& t, const TensorFormat& format)
      : t_(t),
        precision_(std::clamp(format.precision, 1, 17)),
        edge_(std::max(format.edge_items, 1)),
        line_width_(static_cast<std::size_t>(std::max(format.line_width, 1))),
        shortened_(t.num_elements() > format.max_elements) {
    visit(0, 0, t.num_elements(),
          [&](std::int64_t i) { width_ = std::max(width_, element_text(t_, i, precision_).size()); });
  }

  std::string text() {
    block(0, 0, t_.num_elements());
    return std::move(text_);
  }

 private:
  static constexpr std::int64_t kGap = -1;  // stands for the positions that are left out

  // The positions along `axis` that are written, in order.
  std::vector<std::int64_t> positions(int axis) const {
    const std::int64_t size = t_.shape()[axis];
    std::vector<std::int64_t> result;
    for (std::int64_t i = 0; i < size; ++i) {
      if (shortened_ && size > 2 * edge_ && i == edge_) {
        result.push_back(kGap);
        i = size - edge_;
      }
      result.push_back(i);
    }
    return result;
  }

  template <class F>
  void visit(int axis, std::int64_t start, std::int64_t stride, F&& f) const {
    if (axis == t_.shape().rank()) return f(start);
    const std::int64_t inner = stride / t_.shape()[axis];
    for (const std::int64_t i : positions(axis)) {
      if (i != kGap) visit(axis + 1, start + i * inner, inner, f);
    }
  }

  void block(int axis, std::int64_t start, std::int64_t stride) {
    const bool is_row = axis + 1 == t_.shape().rank();
    text_ += '[';
    is_row ? row(start, axis) : rows(axis, start, stride / t_.shape()[axis]);
    text_ += ']';
  }

  void rows(int axis, std::int64_t start, std::int64_t inner) {
    // Blocks of matrices are set apart by empty lines, one more per dimension.
    const std::string next = "," + std::string(static_cast<std::size_t>(t_.shape().rank() - axis - 1), '\n') +
                             std::string(static_cast<std::size_t>(axis + 1), ' ');
    bool first = true;
    for (const std::int64_t i : positions(axis)) {
      if (!first) text_ += next;
      first = false;
      i == kGap ? void(text_ += "...") : block(axis + 1, start + i * inner, inner);
    }
  }

  void row(std::int64_t start, int axis) {
    const std::string indent(static_cast<std::size_t>(axis + 1), ' ');
    std::size_t column = indent.size();
    bool first = true;
    for (const std::int64_t i : positions(axis)) {
      const std::string item =
          i == kGap ? "..." : fmt::format("{:>{}}", element_text(t_, start + i, precision_), width_);
      if (!first) {
        text_ += ',';
        const bool fits = column + 2 + item.size() < line_width_;
        text_ += fits ? " " : "\n" + indent;
        column = fits ? column + 2 : indent.size();
      }
      first = false;
      text_ += item;
      column += item.size();
    }
  }

  const Tensor& t_;
  const int precision_;
  const std::int64_t edge_;
  const std::size_t line_width_;
  const bool shortened_;
  std::size_t width_ = 0;  // of the longest element
  std::string text_;
};

}  // namespace

std::string type_text(DType dtype, const Shape& shape) {
  return fmt::format("{} {}", dtype_name(dtype), shape.to_string());
}

FiniteRange finite_range(const Tensor& tensor) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  FiniteRange range{.low = kInfinity, .high = -kInfinity, .sum = 0.0, .count = 0};
  for (std::int64_t i = 0; i < tensor.num_elements(); ++i) {
    const double value = tensor.at(i);
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
    range.sum += value;
    ++range.count;
  }
  return range;
}

std::string Tensor::element_to_string(std::int64_t index) const { return element_text(*this, index, kPrecision); }

std::string Tensor::to_string(int max_elements) const { return one_line(*this, max_elements, kPrecision); }

std::string Tensor::to_lines(const TensorFormat& format) const {
  // A tensor without elements may still have millions of empty rows.
  if (!has_value_ || shape_.rank() == 0 || count_ == 0) return one_line(*this, kShortElements, format.precision);
  const std::string first = head(*this, std::clamp(format.precision, 1, 17)), rows = Lines(*this, format).text();
  const bool fits = first.size() + 2 + rows.size() <= static_cast<std::size_t>(std::max(format.line_width, 1));
  return first + (shape_.rank() == 1 && fits ? ": " : ":\n") + rows;
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  const auto precision = static_cast<int>(std::clamp<std::streamsize>(out.precision(), 1, 17));
  if (tensor.shape().rank() < 2) return out << one_line(tensor, kShortElements, precision);
  return out << tensor.to_lines({.precision = precision});
}

}  // namespace gradus
