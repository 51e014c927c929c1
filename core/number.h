// A number that a user writes down for tensors of any dtype, such as Pad's constant_value: an integer of 64 bits or a double,
// whichever holds it exactly. One rule says what becomes of it in a tensor, wherever a number meets a dtype:
//
//   integer dtypes   an integer within the dtype's range, exactly; anything else (0.5, 300 for uint8, NaN) is an error
//   bool             0 or 1; anything else is an error
//   floating dtypes  the nearest value, as IEEE 754 rounds
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>

#include "gradus/core/convert.h"
#include "gradus/core/dtype.h"

namespace gradus {

class Number {
 public:
  constexpr Number() = default;
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Number(T value) {  // NOLINT: implicit by design, so that pad(..., 1) and .on_value = 0.5 read well
    if constexpr (std::is_integral_v<T>) {
      if (fits_int64(value)) {
        integer_ = static_cast<std::int64_t>(value);
      } else {
        set_real(static_cast<double>(value));
      }
    } else {
      set_real(static_cast<double>(value));
    }
  }

  constexpr bool is_integer() const { return is_integer_; }
  constexpr std::int64_t integer() const { return integer_; }                                    // where is_integer()
  constexpr double real() const { return is_integer_ ? static_cast<double>(integer_) : real_; }  // rounded
  // All digits of an integer; the shortest text that reads back as the same double otherwise.
  std::string to_string() const;

  // The number as an element of a tensor of T's dtype, by the rule above; nullopt where that is an error.
  template <class T>
  constexpr std::optional<T> as() const {
    if constexpr (std::is_integral_v<T>) {
      using Limits = std::numeric_limits<T>;
      if (!is_integer_ || integer_ < static_cast<std::int64_t>(Limits::min()) ||
          integer_ > static_cast<std::int64_t>(Limits::max())) {
        return std::nullopt;
      }
      return static_cast<T>(integer_);
    } else {
      return is_integer_ ? convert_element<T>(integer_) : convert_element<T>(real_);
    }
  }

  // The same number; NaN equals NaN, and 0 differs from -0, as in attributes.
  friend bool operator==(const Number& a, const Number& b);

 private:
  template <class T>
  static constexpr bool fits_int64(T value) {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == 8) return value <= static_cast<T>(INT64_MAX);
    return true;
  }
  // Whole doubles are kept as integers, so that 1.0 and 1 are one number. -0.0 is not.
  constexpr void set_real(double value) {
    constexpr double kBeyond = 9223372036854775808.0;  // 2^63
    if (value >= -kBeyond && value < kBeyond) {
      const auto whole = static_cast<std::int64_t>(value);
      const bool negative_zero = value == 0.0 && std::bit_cast<std::uint64_t>(value) != 0;
      if (static_cast<double>(whole) == value && !negative_zero) {
        integer_ = whole;
        return;
      }
    }
    is_integer_ = false;
    real_ = value;
  }

  std::int64_t integer_ = 0;
  double real_ = 0.0;
  bool is_integer_ = true;
};

// Whether `value` may become an element of a tensor of `dtype`.
bool fits(const Number& value, DType dtype);
// "constant_value must be an integer from 0 to 255 for uint8; got 300", for a value that does not fit.
std::string misfit_text(const char* name, const Number& value, DType dtype);

}  // namespace gradus
