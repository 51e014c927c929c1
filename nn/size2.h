// Rows and columns of a window, as the options of layers take them: one number for both, or {rows, columns}.
//
//   nn::conv2d(x, {.filters = 8, .kernel = 3, .strides = {2, 1}});
#pragma once

#include "gradus/core/language.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace gradus::nn {

class Size2 {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool>) Size2(T both)  // NOLINT: implicit by design
      : values_{static_cast<std::int64_t>(both), static_cast<std::int64_t>(both)} {}
  // Lists of another length than 2 are refused by the layer, which knows its name and the user's line.
  Size2(std::initializer_list<std::int64_t> rows_columns)
      : Size2(rows_columns.begin(), rows_columns.size()) {}  // NOLINT: implicit by design
  Size2(const std::vector<std::int64_t>& rows_columns)
      : Size2(rows_columns.data(), rows_columns.size()) {}  // NOLINT: implicit by design

  std::int64_t rows() const { return values_[0]; }
  std::int64_t columns() const { return values_[1]; }
  std::int64_t operator[](std::size_t i) const { return values_.at(i); }
  std::size_t size() const { return size_; }  // how many numbers were given in a list; 2 for one number
  std::string to_string() const { return std::to_string(rows()) + " x " + std::to_string(columns()); }
  friend bool operator==(const Size2&, const Size2&) = default;

 private:
  Size2(const std::int64_t* values, std::size_t size) : size_(size) {
    for (std::size_t i = 0; i < 2 && i < size; ++i) values_[i] = values[i];
  }
  std::array<std::int64_t, 2> values_ = {0, 0};
  std::size_t size_ = 2;
};

}  // namespace gradus::nn
