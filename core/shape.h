// The shape of a tensor: up to 8 dimensions, each a size or unknown (-1, typically the batch). The rank is always known.
// A small value type without heap memory, so that steady-state steps copy shapes freely.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <vector>

#include "gradus/core/source_location.h"

namespace gradus {

inline constexpr std::int64_t kUnknownDim = -1;

class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;  // scalar
  // Both throw InvalidArgument for a dimension below -1 or more than 8 of them; the first, which programs spell out, with
  // the caller's line.
  Shape(std::initializer_list<std::int64_t> dims, SourceLocation location = SourceLocation::current());
  explicit Shape(const std::vector<std::int64_t>& dims);
  static Shape of_rank(int rank, std::int64_t fill = kUnknownDim);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  // Throws InvalidArgument for a size below -1, or an axis that the shape does not have.
  void set_dim(int axis, std::int64_t size);
  void push_back(std::int64_t size);
  const std::int64_t* begin() const { return dims_.data(); }
  const std::int64_t* end() const { return dims_.data() + rank_; }
  std::vector<std::int64_t> dims() const { return {begin(), end()}; }

  bool fully_known() const;
  // Product of the dimensions; throws InvalidArgument when one is unknown or the product does not fit 63 bits.
  std::int64_t num_elements() const;
  // True when two shapes can be the same once every -1 is known.
  bool compatible_with(const Shape& other) const;
  // Both shapes' knowledge in one; throws InvalidArgument when they contradict each other.
  Shape merged_with(const Shape& other) const;
  // "[2,-1,3]" prints as "[2,?,3]".
  std::string to_string() const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<std::int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

// As to_string() writes it.
std::ostream& operator<<(std::ostream& out, const Shape& shape);

// Multiplies non-negative sizes; returns false when the product does not fit 63 bits.
bool checked_multiply(std::int64_t a, std::int64_t b, std::int64_t* product);

// -rank..rank-1 to 0..rank-1; throws InvalidArgument otherwise.
int normalize_axis(std::int64_t axis, int rank);

// NumPy's broadcasting rule (trailing dimensions equal, 1 or missing; unknown stays unknown unless the other side is 0 or > 1).
// Throws InvalidArgument naming both shapes.
Shape broadcast_shapes(const Shape& a, const Shape& b);

}  // namespace gradus
