#include "gradus/core/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ostream>

#include "gradus/core/caller.h"

namespace gradus {
namespace {

void check_size(std::int64_t size) {
  if (size < kUnknownDim)
    throw invalid_argument(fmt::format("a dimension is at least 0, or -1 for unknown; got {}", size));
}

}  // namespace

Shape::Shape(std::initializer_list<std::int64_t> dims, SourceLocation location) {
  const auto fail = [&](const std::string& rule) {
    throw invalid_argument(
        fmt::format("[Shape at {}] {}; the shape is [{}]", file_and_line(location), rule, fmt::join(dims, ",")));
  };
  if (dims.size() > kMaxRank) fail(fmt::format("a shape has at most {} dimensions; got {}", kMaxRank, dims.size()));
  for (const std::int64_t d : dims) {
    if (d < kUnknownDim) fail(fmt::format("a dimension is at least 0, or -1 for unknown; got {}", d));
  }
  std::copy(dims.begin(), dims.end(), dims_.begin());
  rank_ = static_cast<int>(dims.size());
}

Shape::Shape(const std::vector<std::int64_t>& dims) {
  for (std::int64_t d : dims) push_back(d);
}

Shape Shape::of_rank(int rank, std::int64_t fill) {
  Shape shape;
  for (int i = 0; i < rank; ++i) shape.push_back(fill);
  return shape;
}

void Shape::set_dim(int axis, std::int64_t size) {
  if (axis < 0 || axis >= rank_)
    throw invalid_argument(fmt::format("a shape of rank {} has no dimension {}", rank_, axis));
  check_size(size);
  dims_[static_cast<std::size_t>(axis)] = size;
}

void Shape::push_back(std::int64_t size) {
  if (rank_ == kMaxRank) throw invalid_argument(fmt::format("a shape has at most {} dimensions", kMaxRank));
  check_size(size);
  dims_[static_cast<std::size_t>(rank_++)] = size;
}

bool Shape::fully_known() const {
  return std::none_of(begin(), end(), [](std::int64_t d) { return d == kUnknownDim; });
}

std::int64_t Shape::num_elements() const {
  // A zero anywhere makes the count 0, however large the other sizes are.
  std::int64_t count = std::find(begin(), end(), 0) == end() ? 1 : 0;
  for (std::int64_t d : *this) {
    if (d == kUnknownDim) throw invalid_argument("the shape " + to_string() + " has unknown dimensions");
    if (!checked_multiply(count, d, &count)) {
      throw invalid_argument("the element count of shape " + to_string() + " does not fit in 63 bits");
    }
  }
  return count;
}

bool Shape::compatible_with(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end(),
                    [](std::int64_t a, std::int64_t b) { return a == b || a == kUnknownDim || b == kUnknownDim; });
}

Shape Shape::merged_with(const Shape& other) const {
  if (!compatible_with(other)) {
    throw invalid_argument(fmt::format("shapes {} and {} contradict each other", to_string(), other.to_string()));
  }
  Shape merged = *this;
  for (int i = 0; i < rank_; ++i) {
    if (merged[i] == kUnknownDim) merged.set_dim(i, other[i]);
  }
  return merged;
}

std::string Shape::to_string() const {
  std::string text;
  for (const std::int64_t d : *this) text += (text.empty() ? "" : ",") + (d == kUnknownDim ? "?" : std::to_string(d));
  return "[" + text + "]";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.to_string(); }

bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

bool checked_multiply(std::int64_t a, std::int64_t b, std::int64_t* product) {
  return !__builtin_mul_overflow(a, b, product);
}

int normalize_axis(std::int64_t axis, int rank) {
  if (rank == 0) throw invalid_argument(fmt::format("a scalar has no axes; got axis {}", axis));
  if (axis < -rank || axis >= rank) {
    throw invalid_argument(fmt::format("axis {} is outside [-{}, {}) of a tensor of rank {}", axis, rank, rank, rank));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result = Shape::of_rank(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t da = i <= a.rank() ? a[a.rank() - i] : 1;
    const std::int64_t db = i <= b.rank() ? b[b.rank() - i] : 1;
    std::int64_t d = 0;
    if (da == db || db == 1) {
      d = da;
    } else if (da == 1) {
      d = db;
    } else if (da == kUnknownDim || db == kUnknownDim) {
      d = std::max(da, db);  // the unknown side must turn out to be 1 or the known size
    } else {
      throw invalid_argument(fmt::format("shapes {} and {} do not broadcast", a.to_string(), b.to_string()));
    }
    result.set_dim(rank - i, d);
  }
  return result;
}

}  // namespace gradus
